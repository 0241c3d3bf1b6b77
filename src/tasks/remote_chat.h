// Talking with a remote model, with the care that people's pictures and money need.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "providers/answer_cache.h"
#include "providers/remote_model.h"
#include "providers/spending.h"
#include "tasks/visual_chat.h"

namespace gaze {

// What is about to leave the machine.
struct Departure {
  std::string host;
  int pictures = 0, files = 0, addresses = 0;
  std::int64_t bytes = 0;           // of pictures and files
  std::int64_t text_bytes = 0;      // of all words
  std::optional<double> most_cost;  // nothing where the price is not known
  std::string currency;
};

// Where answers are kept and spending is written down, and who is told (from the thread that works) before something is
// sent or that a kept answer made it needless; nothing where the person wants none.
struct RemoteCare {
  const AnswerCache* cache = nullptr;
  SpendingAccount* account = nullptr;
  std::function<void(const Departure&)> on_departure;
  std::function<void()> on_kept_answer;
};

// A question's message, its pictures ready to leave: upright, scaled, without metadata.
// Errors: not_found, bad_image, image_too_large, limit_exceeded.
ChatMessage make_message(const RemoteModel& model, const ChatTurn& turn, const std::string& detail,
                         const CancelToken& cancel);

// A request without messages. Errors: usage (options that no service knows: beams, raw prompts).
ChatRequest make_request(const AnswerOptions& options);

// What sending it would take out of this machine, and may cost by `account`'s table (nullptr: not known).
Departure departure_of(const RemoteModel& model, const ChatRequest& request, const SpendingAccount* account);

// `--dry-run`: {"method","url","headers","body"} of exactly what `send_with_care` would send, key masked.
OrderedJson describe_request(const RemoteModel& model, const ChatRequest& request, bool stream);

// Sends through the cache and within the spending cap. Streams to `on_text` where there is one (a kept answer in one
// piece). Errors: as RemoteModel::chat and SpendingAccount::reserve.
ChatAnswer send_with_care(const RemoteModel& model, const ChatRequest& request, const RemoteCare& care,
                          const CancelToken& cancel, const TextSink& on_text = {});

// One question about many pictures.
struct PictureRound {
  std::span<const std::string> pictures;  // files that are pictures and nothing else; "-" for `standard_input`
  const Bytes* standard_input = nullptr;
  std::string text;
  AnswerOptions options{};
  // Called from several threads, one at a time, as answers come and as pictures fail.
  std::function<void(std::size_t picture, const ChatAnswer&)> on_answer;
  std::function<void(std::size_t picture, const Error&)> on_failure;
};

// Asks about eight at once; what `on_answer` throws is that picture's failure. Errors that would befall every picture
// end the run: unauthorized, model_not_found, limit_exceeded, cancelled.
void ask_of_each(const RemoteModel& model, const PictureRound& round, const RemoteCare& care,
                 const CancelToken& cancel);

// `--dry-run`: the request about the first that is a picture; `care` hears what would leave. Nothing is sent.
// Errors: bad_image (none of them is one), and those of reading them.
OrderedJson describe_first(const RemoteModel& model, const PictureRound& round, const RemoteCare& care);

// A conversation with `model`; both references outlive it.
std::unique_ptr<VisualChat> make_remote_chat(const RemoteModel& model, const RemoteCare& care);

// What to ask for a caption, in the person's language ("en" or "zh").
std::string caption_prompt(const std::string& language);

}  // namespace gaze
