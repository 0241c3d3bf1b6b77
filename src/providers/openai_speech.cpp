#include "providers/openai_speech.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/multipart.h"

namespace gaze {
namespace {

void check_options(const ChatRequest& request, const std::string& model) {
  for (const auto& [given, name] :
       {std::pair(!request.system.empty(), "--system"), std::pair(request.top_p.has_value(), "--top-p"),
        std::pair(request.top_k.has_value(), "--top-k"), std::pair(request.seed.has_value(), "--seed"),
        std::pair(request.repetition_penalty.has_value(), "--repetition-penalty"),
        std::pair(!request.stops.empty(), "--stop"), std::pair(!request.detail.empty(), "--detail"),
        std::pair(request.schema.has_value(), "--json-schema, --choices"),
        std::pair(!request.tools.empty(), "tools")}) {
    if (given) {
      throw Error(ErrorCode::usage, message("{} writes down what is said and knows no {}", model, name),
                  message("leave the option out"));
    }
  }
}

Usage usage_of(const Json& answer) {
  const Json& usage = object_at(answer, "usage");
  Usage used{count_at(usage, "input_tokens"), count_at(usage, "output_tokens")};
  if (usage.contains("seconds") && usage["seconds"].is_number()) used.seconds = usage["seconds"].get<double>();
  return used;
}

}  // namespace

HttpRequest openai_speech_request(const ChatRequest& request, const std::string& model, const std::string& url,
                                  std::vector<HttpHeader> headers, bool stream) {
  check_options(request, model);
  std::string prompt;
  std::vector<FilePart> files;
  bool others = false;
  if (!request.messages.empty()) {
    for (const Part& part : request.messages.back().parts) {
      if (const auto* text = std::get_if<TextPart>(&part)) {
        prompt += text->text;
      } else if (const auto* file = std::get_if<FilePart>(&part)) {
        files.push_back(*file);
      } else {
        others = true;
      }
    }
  }
  if (others || files.size() != 1 || files[0].mime_type == "application/pdf") {
    throw Error(ErrorCode::usage, message("{} writes down what is said in one sound file, and nothing else", model),
                message("for example {}", "gaze ask talk.mp3 --model openai:gpt-4o-transcribe"));
  }
  MultipartForm form;
  form.add_file("file", files[0].path, files[0].mime_type);
  form.add("model", model);
  if (!prompt.empty()) form.add("prompt", prompt);
  if (request.temperature) form.add("temperature", fmt::format("{}", *request.temperature));
  form.add("response_format", "json");
  if (stream) form.add("stream", "true");
  return form.request(url, std::move(headers));
}

ChatAnswer parse_openai_speech(const Json& answer, const std::string& origin) {
  if (!answer.is_object() || !answer.contains("text") || !answer["text"].is_string()) {
    throw Error(ErrorCode::invalid_json, message("{}: the answer has no text in it", origin));
  }
  return {text_at(answer, "text"), "stop", usage_of(answer), {}};
}

void OpenAiSpeechStream::add(const Json& event) {
  const std::string type = text_at(event, "type");
  if (type == "transcript.text.delta") {
    const std::string text = text_at(event, "delta");
    answer_.text += text;
    if (on_text_ && !text.empty()) on_text_(text);
  } else if (type == "transcript.text.done") {
    answer_.finish_reason = "stop";
    answer_.usage = usage_of(event);
  }
}

}  // namespace gaze
