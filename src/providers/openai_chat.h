// Chat completions: the request's JSON, and the answer's, whole or streamed.
// Shapes: OpenAI API reference "Chat completions", as typed in the official Python client openai 3.54.0
// (types/chat/completion_create_params.py, chat_completion.py, chat_completion_chunk.py).
#pragma once

#include <string>

#include "base/json.h"
#include "providers/remote_model.h"

namespace gaze {

// `official`: OpenAI's or Azure's own service, which knows no top_k or repetition_penalty (usage) and wants
// max_completion_tokens for its reasoning models; other servers take max_tokens and those two as vLLM does.
OrderedJson openai_chat_body(const ChatRequest& request, const std::string& model, bool official, bool stream);

// Errors: invalid_json (an answer without a choice; `origin` names the service).
ChatAnswer parse_openai_chat(const Json& answer, const std::string& origin);

// Collects a stream of chunks into the answer they add up to. Not thread-safe.
class OpenAiChatStream {
 public:
  explicit OpenAiChatStream(TextSink on_text) : on_text_(std::move(on_text)) {}
  void add(const Json& chunk);
  bool finished() const { return !answer_.finish_reason.empty(); }
  const ChatAnswer& answer() const { return answer_; }

 private:
  TextSink on_text_;
  ChatAnswer answer_;
};

// "data:image/jpeg;base64,…" (RFC 2397).
std::string data_url(const std::string& mime_type, std::span<const std::byte> bytes);

// OpenAI's words for why an answer ended, and those of other services, as ours: stop, length, tool_calls,
// content_filter; unknown ones as they are.
std::string finish_reason_of(const std::string& theirs);

}  // namespace gaze
