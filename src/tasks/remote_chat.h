// Questions and captions through a remote model, with the care that people's pictures and money need.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "providers/answer_cache.h"
#include "providers/remote_model.h"
#include "providers/spending.h"
#include "tasks/failed_input.h"

namespace gaze {

// What is asked about, and the words.
struct RemoteQuestion {
  std::vector<std::string> inputs;  // files, and http(s) addresses that the service fetches
  std::string text;
  ChatRequest options;  // its messages are made here
};

// Where answers are kept and spending is written down; nothing where the person wants neither.
struct RemoteCare {
  const AnswerCache* cache = nullptr;
  SpendingAccount* account = nullptr;
};

// The request with its pictures ready to leave: upright, scaled, without metadata. Errors: not_found, bad_image, usage.
ChatRequest make_chat_request(const RemoteModel& model, const RemoteQuestion& question);

// `--dry-run`: {"method","url","headers","body"}, key masked; nothing leaves the machine.
OrderedJson describe_question(const RemoteModel& model, const RemoteQuestion& question);

// Asks, through the cache and within the spending cap. Streams to `on_text` where there is one (a kept answer in one
// piece). Errors: as RemoteModel::chat and SpendingAccount::reserve.
ChatAnswer ask_remote(const RemoteModel& model, const RemoteQuestion& question, const RemoteCare& care,
                      const CancelToken& cancel, const TextSink& on_text = {});

// The same question about many pictures, eight at once. `on_answer` is called from several threads, one at a time, as
// answers come; `failed` of what could not be done is in the pictures' order. Errors that would befall every picture
// end the run: unauthorized, model_not_found, limit_exceeded, cancelled.
std::vector<FailedInput> ask_remote_of_each(
    const RemoteModel& model, std::span<const std::string> pictures, const RemoteQuestion& question,
    const RemoteCare& care, const CancelToken& cancel,
    const std::function<void(std::size_t picture, const ChatAnswer&)>& on_answer);

// What to ask for a caption, in the person's language ("en" or "zh").
std::string caption_prompt(const std::string& language);

}  // namespace gaze
