// A remote model with what a task needs around it, and the note about what leaves the machine.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "providers/http.h"
#include "tasks/remote_chat.h"

namespace gaze {

// Safe to share between threads. Not movable: the care refers to what stands here.
class RemoteAccess {
 public:
  // `model`: as is_remote_model takes it. `calls`: how many the command will make, for the note.
  // Errors: usage, invalid_json (the table of prices), unauthorized (the file of keys).
  RemoteAccess(const std::string& model, bool keep_answers, std::size_t calls = 1);
  RemoteAccess(const RemoteAccess&) = delete;
  RemoteAccess& operator=(const RemoteAccess&) = delete;

  const RemoteModel& model() const { return *model_; }
  const RemoteCare& care() const { return care_; }
  const SpendingAccount& account() const { return account_; }
  SpendingAccount& account() { return account_; }

 private:
  std::unique_ptr<RemoteModel> model_;
  AnswerCache cache_;
  SpendingAccount account_;
  std::once_flag said_, said_kept_;
  RemoteCare care_;
};

// While it lives, libcurl is being loaded, which takes some milliseconds, if a word of a command line names a remote
// model: the line is read meanwhile.
class RemoteModelAhead {
 public:
  explicit RemoteModelAhead(std::span<const std::string> line);

 private:
  std::optional<HttpClient> client_;
};

// "to api.openai.com: 1 picture without its metadata (182.3 KiB), 35 bytes of text; costs at most 0.0061 USD"
std::string departure_text(const Departure& leaving, std::size_t calls = 1);

}  // namespace gaze
