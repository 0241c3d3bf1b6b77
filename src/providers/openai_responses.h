// The Responses API, which some models answer to alone.
// Shapes: OpenAI API reference "Responses", as typed in the official Python client openai 3.54.0
// (types/responses/response_create_params.py, response.py, response_stream_event.py).
#pragma once

#include <string>

#include "base/json.h"
#include "providers/remote_model.h"

namespace gaze {

// Whether a model of OpenAI's own service is not served by chat completions (OpenAI's model pages, "Endpoints").
bool needs_responses_api(const std::string& model);

// The service is told not to keep the exchange (`store` false). Errors: usage (options it does not know).
OrderedJson openai_responses_body(const ChatRequest& request, const std::string& model, bool stream);

// Errors: invalid_json (an answer without output; `origin` names the service).
ChatAnswer parse_openai_response(const Json& response, const std::string& origin);

// Collects a stream of events. Not thread-safe.
class OpenAiResponsesStream {
 public:
  OpenAiResponsesStream(std::string origin, TextSink on_text)
      : origin_(std::move(origin)), on_text_(std::move(on_text)) {}

  // Errors: invalid_json. A failure reported by the service is left to the caller: see `failure_of`.
  void add(const Json& event);
  bool finished() const { return finished_; }
  const ChatAnswer& answer() const { return answer_; }

  // The error object inside an event that reports one, else null.
  static Json failure_of(const Json& event);

 private:
  std::string origin_;
  TextSink on_text_;
  ChatAnswer answer_;
  bool finished_ = false;
};

}  // namespace gaze
