// One question to a remote model about every picture that a user named.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "tasks/named_pictures.h"
#include "tasks/remote_chat.h"

namespace gaze {

struct NamedRound {
  std::string text;
  AnswerOptions options{};
  const Bytes* standard_input = nullptr;  // for "-"
  // From several threads, one at a time; the index is that of the picture.
  std::function<void(std::size_t picture, const ChatAnswer&)> take;  // as answers come; a throw fails the picture
  std::function<void(std::size_t picture)> tell;                     // once it and all before it are done
  std::function<void(std::size_t done, std::size_t total)> progress;
};

struct NamedRoundResult {
  std::vector<std::size_t> answered;  // in order
  std::vector<FailedInput> failed;
  std::int64_t skipped = 0;  // files in folders that are no pictures
};

// Eight at once; answers are kept by the answer cache. Errors: those of ask_of_each.
NamedRoundResult ask_about_named(const std::string& model, std::span<const NamedPicture> pictures,
                                 const NamedRound& round, const CancelToken& cancel);

// `--dry-run`: its first request, as describe_first; says on standard error what all of them would take out.
// Errors: not_found (one that was named), bad_image (none is a picture).
OrderedJson describe_round(const std::string& model, std::span<const NamedPicture> pictures, const NamedRound& round);

}  // namespace gaze
