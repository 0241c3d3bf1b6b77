// OpenAI's Audio API: what is said in a recording, as the answer to a question with a sound file in it.
// Shapes: OpenAI API reference "Audio", as typed in the official Python client openai 3.54.0
// (types/audio/transcription_create_params.py, transcription.py, transcription_text_delta_event.py and
// …_done_event.py).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "providers/http.h"
#include "providers/remote_model.h"

namespace gaze {

// The one file of the last message, and its words as the prompt: what came before, names, how to write.
// Errors: usage (no file or more than one, pictures, options that such models do not have), not_found.
HttpRequest openai_speech_request(const ChatRequest& request, const std::string& model, const std::string& url,
                                  std::vector<HttpHeader> headers, bool stream);

// Errors: invalid_json.
ChatAnswer parse_openai_speech(const Json& answer, const std::string& origin);

// Collects a streamed answer. Not thread-safe.
class OpenAiSpeechStream {
 public:
  explicit OpenAiSpeechStream(TextSink on_text) : on_text_(std::move(on_text)) {}

  void add(const Json& event);
  bool finished() const { return !answer_.finish_reason.empty(); }
  const ChatAnswer& answer() const { return answer_; }

 private:
  TextSink on_text_;
  ChatAnswer answer_;
};

}  // namespace gaze
