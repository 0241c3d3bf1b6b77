// generateContent: the request's JSON, and the answer's, whole or streamed.
// Shapes: Gemini API reference, v1beta "models.generateContent" (ai.google.dev/api/generate-content), as sent by the
// official Python client google-genai 3.4.0.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "providers/remote_model.h"

namespace gaze {

// How a file is named in the request: {"inlineData":…} or {"fileData":…}.
using FilePartJson = std::function<OrderedJson(const FilePart&)>;

// Errors: usage (options that the service does not know; a picture by URL, which it does not fetch).
OrderedJson gemini_body(const ChatRequest& request, const FilePartJson& file_json);

OrderedJson gemini_inline_data(const std::string& mime_type, std::span<const std::byte> bytes);

// Collects answers: a whole one is a stream of one. Not thread-safe.
class GeminiStream {
 public:
  GeminiStream(std::string service, TextSink on_text) : service_(std::move(service)), on_text_(std::move(on_text)) {}

  // Errors: usage (the prompt was blocked, with the service's reason).
  void add(const Json& chunk);
  bool finished() const { return !answer_.finish_reason.empty(); }
  const ChatAnswer& answer() const { return answer_; }
  const std::vector<GeneratedImage>& images() const { return images_; }

 private:
  std::string service_;
  TextSink on_text_;
  ChatAnswer answer_;
  std::vector<GeneratedImage> images_;
};

}  // namespace gaze
