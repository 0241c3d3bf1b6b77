// Talking about pictures: the interface behind `ask` and `chat`, whether the model is here or on another machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"

namespace gaze {

// One question. Inputs are files, "-" (standard input), and http(s) addresses, which only remote services fetch.
struct ChatTurn {
  std::vector<std::string> inputs;
  std::string text;
};

// What is not set is the model's own choice. A model refuses (usage) what it does not know rather than drop it.
struct AnswerOptions {
  std::optional<int> max_tokens, beams, min_length, top_k;
  std::optional<double> temperature, top_p, repetition_penalty;
  std::optional<std::int64_t> seed;
  std::string system;                 // before the first question
  bool raw_prompt = false;            // the text is the whole prompt, special tokens in it are recognised
  bool exif_rotation = true;          // of local models; pictures that leave the machine are always upright
  std::string detail;                 // of remote models: how closely the picture is looked at
  std::optional<OrderedJson> schema;  // the answer is JSON of this schema
  std::vector<std::string> stops;     // the answer ends before the first of these texts
  std::filesystem::path explain;      // a PNG of where in the turn's pictures the answer looked; empty: none
  std::vector<std::string> choices;   // the answer is one of these, none of them empty; none: any
};

struct ScoredChoice {
  std::string text;
  double probability = 0;      // if the answer is one of the choices; NaN where a service does not tell
  double log_probability = 0;  // of saying just this, in nats; NaN likewise
};

struct VisualAnswer {
  std::string text;
  std::vector<std::int64_t> ids;  // the new tokens with the end token; empty where the service does not tell
  std::string finish_reason;      // "stop", "length"; of services also "content_filter", "tool_calls"
  std::int64_t prompt_tokens = 0, completion_tokens = 0, image_tokens = 0;
  double vision_ms = 0, prefill_ms = 0, decode_ms = 0;
  std::vector<float> attention{};       // explained: to each vector of the turn's pictures, see ask --explain
  std::vector<ScoredChoice> choices{};  // in the order given; the text is the likeliest of them
};

// Receives new text as it comes: whole UTF-8 characters.
using AnswerSink = std::function<void(std::string_view)>;

// One conversation, used by one thread.
class VisualChat {
 public:
  virtual ~VisualChat() = default;

  virtual const std::string& model() const = 0;  // its name, as in `"model"` of JSON

  // The next question and its answer, streamed to `on_text` where there is one. What came of an answer that was
  // cancelled or broke off stays in the conversation; a question without any answer is taken back.
  // Errors: usage, bad_image, not_found, and the model's own.
  virtual VisualAnswer ask(const ChatTurn& turn, const AnswerOptions& options, const CancelToken& cancel,
                           const AnswerSink& on_text) = 0;

  // Forgets everything said.
  virtual void reset() = 0;
};

}  // namespace gaze
