// Answers kept by what was asked: the same picture, words and options need no second call.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "providers/http.h"
#include "providers/remote_model.h"

namespace gaze {

// A folder of small files that only their owner can read; what cannot be read counts as absent. Safe to share between
// threads and processes: each answer appears whole.
class AnswerCache {
 public:
  explicit AnswerCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // $XDG_CACHE_HOME/gaze/answers.
  static std::filesystem::path default_folder();

  // `request` is RemoteModel::chat_request with `stream` false. Only its address and body count, never its headers, so
  // no key is in a name. Nothing for requests whose body lies in files on the disk.
  std::optional<ChatAnswer> find(const HttpRequest& request) const;

  // Keeps answers that came to their end (stop, length). Errors: disk_full, not_found (the folder cannot be made).
  void store(const HttpRequest& request, const ChatAnswer& answer) const;

 private:
  std::filesystem::path path_of(const HttpRequest& request) const;  // empty: not to be cached

  std::filesystem::path folder_;
};

}  // namespace gaze
