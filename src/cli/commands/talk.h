// What `ask` and `chat` share: how an answer is wanted, and which model gives it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/invocation.h"
#include "tasks/remote_access.h"
#include "tasks/visual_chat.h"

namespace gaze::cli {

// --max-tokens, --temperature … and the AnswerOptions they stand for. Errors: usage, not_found, invalid_json (the
// schema's file).
std::vector<Option> answer_options();
AnswerOptions answer_options_of(const Settings& settings);

// A conversation with the model that was asked for: `remote` is set where it is a remote one.
struct Talk {
  std::unique_ptr<RemoteAccess> remote;
  std::unique_ptr<VisualChat> chat;
};

// `name`: as `--model` takes it; empty: the best installed one.
// Errors: model_not_found (none is named, and none installed can answer), unsupported_model.
Talk open_talk(const Invocation& invocation, const std::string& name, bool keep_answers);

// An answer on the screen, piece by piece: control characters but line breaks and tabs are masked, and the last line
// ends.
class StreamedText {
 public:
  explicit StreamedText(Output& output) : output_(output) {}
  StreamedText(const StreamedText&) = delete;
  StreamedText& operator=(const StreamedText&) = delete;
  ~StreamedText();

  void add(std::string_view text);

 private:
  Output& output_;
  bool open_line_ = false;
};

}  // namespace gaze::cli
