#include "providers/openai_responses.h"

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/openai_chat.h"

namespace gaze {
namespace {

constexpr std::int64_t kMostInlineBytes = 50 * MiB;  // of a PDF inside the request

OrderedJson content_part(const Part& part, const std::string& detail) {
  if (const auto* text = std::get_if<TextPart>(&part)) return {{"type", "input_text"}, {"text", text->text}};
  if (const auto* file = std::get_if<FilePart>(&part)) {
    if (file->mime_type != "application/pdf") {
      throw Error(ErrorCode::usage, message("{}: this service takes no {}", display(file->path), file->mime_type),
                  message("pictures and PDF work with this model"));
    }
    return {{"type", "input_file"},
            {"filename", display(file->path.filename())},
            {"file_data", data_url(file->mime_type, read_file(file->path, kMostInlineBytes))}};
  }
  std::string url;
  if (const auto* link = std::get_if<PictureUrlPart>(&part)) {
    url = link->url;
  } else {
    const PreparedPicture& picture = std::get<PicturePart>(part).picture;
    url = data_url(picture.mime_type, picture.file);
  }
  return {{"type", "input_image"}, {"image_url", url}, {"detail", detail.empty() ? "auto" : detail}};
}

std::string text_of(const ChatMessage& message) {
  std::string text;
  for (const Part& part : message.parts) {
    if (const auto* piece = std::get_if<TextPart>(&part)) text += piece->text;
  }
  return text;
}

void add_message(OrderedJson& input, const ChatMessage& message, const std::string& detail) {
  if (message.role == Role::tool) {
    input.push_back(
        {{"type", "function_call_output"}, {"call_id", message.tool_call_id}, {"output", text_of(message)}});
  } else if (message.role == Role::assistant) {
    if (!message.parts.empty()) input.push_back({{"role", "assistant"}, {"content", text_of(message)}});
    for (const ToolCall& call : message.tool_calls) {
      input.push_back(
          {{"type", "function_call"}, {"call_id", call.id}, {"name", call.name}, {"arguments", call.arguments}});
    }
  } else {
    OrderedJson content = OrderedJson::array();
    for (const Part& part : message.parts) content.push_back(content_part(part, detail));
    OrderedJson json{{"role", "user"}};
    json["content"] = std::move(content);
    input.push_back(std::move(json));
  }
}

}  // namespace

bool needs_responses_api(const std::string& model) {
  for (const char* word : {"-pro", "codex", "deep-research", "computer-use"}) {
    if (model.find(word) != std::string::npos) return true;
  }
  return false;
}

OrderedJson openai_responses_body(const ChatRequest& request, const std::string& model, bool stream) {
  const char* unknown = request.top_k                ? "top_k"
                        : request.repetition_penalty ? "repetition_penalty"
                        : request.seed               ? "seed"
                        : !request.stops.empty()     ? "stop"
                                                     : nullptr;
  if (unknown) {
    throw Error(ErrorCode::usage, message("this service knows no {}", unknown),
                message("leave the option out; temperature and top_p work"));
  }
  OrderedJson body = roomy_object();
  body["model"] = model;
  body["input"] = OrderedJson::array();
  for (const ChatMessage& message : request.messages) add_message(body["input"], message, request.detail);
  if (!request.system.empty()) body["instructions"] = request.system;
  body["max_output_tokens"] = request.max_tokens;
  if (request.temperature) body["temperature"] = *request.temperature;
  if (request.top_p) body["top_p"] = *request.top_p;
  for (const Tool& tool : request.tools) {
    body["tools"].push_back({{"type", "function"},
                             {"name", tool.name},
                             {"description", tool.description},
                             {"parameters", tool.parameters},
                             {"strict", false}});
  }
  if (request.schema) {
    body["text"]["format"] = {
        {"type", "json_schema"}, {"name", request.schema->name}, {"schema", request.schema->schema}, {"strict", true}};
  }
  body["store"] = false;
  if (stream) body["stream"] = true;
  return body;
}

ChatAnswer parse_openai_response(const Json& response, const std::string& origin) {
  if (!response.is_object() || !response.contains("output") || !response["output"].is_array()) {
    throw Error(ErrorCode::invalid_json, message("{}: the answer has no choice in it", origin));
  }
  ChatAnswer answer;
  for (const Json& item : response["output"]) {
    const std::string type = text_at(item, "type");
    if (type == "function_call") {
      answer.tool_calls.push_back({text_at(item, "call_id"), text_at(item, "name"), text_at(item, "arguments")});
    }
    if (type != "message" || !item.contains("content") || !item["content"].is_array()) continue;
    for (const Json& content : item["content"]) {
      answer.text += text_at(content, text_at(content, "type") == "refusal" ? "refusal" : "text");
    }
  }
  const Json& usage = object_at(response, "usage");
  answer.usage = {count_at(usage, "input_tokens"), count_at(usage, "output_tokens")};
  const std::string reason = text_at(object_at(response, "incomplete_details"), "reason");
  answer.finish_reason = !reason.empty()              ? reason == "max_output_tokens" ? "length" : reason
                         : !answer.tool_calls.empty() ? "tool_calls"
                                                      : "stop";
  return answer;
}

void OpenAiResponsesStream::add(const Json& event) {
  const std::string type = text_at(event, "type");
  if (type == "response.output_text.delta" || type == "response.refusal.delta") {
    const std::string text = text_at(event, "delta");
    answer_.text += text;
    if (on_text_ && !text.empty()) on_text_(text);
  } else if (type == "response.completed" || type == "response.incomplete") {
    answer_ = parse_openai_response(object_at(event, "response"), origin_);
    finished_ = true;
  }
}

Json OpenAiResponsesStream::failure_of(const Json& event) {
  const std::string type = text_at(event, "type");
  if (type == "response.failed") return object_at(object_at(event, "response"), "error");
  if (type == "error") return event;
  return nullptr;
}

}  // namespace gaze
