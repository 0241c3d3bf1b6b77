#include "providers/openai_chat.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/encoding.h"

namespace gaze {
namespace {

constexpr std::int64_t kMostInlineBytes = 50 * MiB;  // of a sound or PDF inside the request

OrderedJson file_part(const FilePart& file) {
  const Bytes bytes = read_file(file.path, kMostInlineBytes);
  if (file.mime_type == "audio/wav" || file.mime_type == "audio/mpeg") {
    return {
        {"type", "input_audio"},
        {"input_audio", {{"data", base64_encode(bytes)}, {"format", file.mime_type == "audio/wav" ? "wav" : "mp3"}}}};
  }
  if (file.mime_type == "application/pdf") {
    return {{"type", "file"},
            {"file", {{"filename", display(file.path.filename())}, {"file_data", data_url(file.mime_type, bytes)}}}};
  }
  throw Error(ErrorCode::usage, message("{}: this service takes no {}", display(file.path), file.mime_type),
              message("pictures, WAV or MP3 sound and PDF work; gemini: models also take video"));
}

OrderedJson content_part(const Part& part, const std::string& detail) {
  if (const auto* text = std::get_if<TextPart>(&part)) return {{"type", "text"}, {"text", text->text}};
  if (const auto* file = std::get_if<FilePart>(&part)) return file_part(*file);
  OrderedJson image = roomy_object();
  if (const auto* link = std::get_if<PictureUrlPart>(&part)) {
    image["url"] = link->url;
  } else {
    const PreparedPicture& picture = std::get<PicturePart>(part).picture;
    image["url"] = data_url(picture.mime_type, picture.file);
  }
  if (!detail.empty()) image["detail"] = detail;
  return {{"type", "image_url"}, {"image_url", std::move(image)}};
}

// A message of nothing but one text is a plain string, as people write it.
OrderedJson content_of(const ChatMessage& message, const std::string& detail) {
  if (message.parts.empty()) return nullptr;
  if (message.parts.size() == 1) {
    if (const auto* text = std::get_if<TextPart>(&message.parts[0])) return text->text;
  }
  OrderedJson parts = OrderedJson::array();
  for (const Part& part : message.parts) parts.push_back(content_part(part, detail));
  return parts;
}

OrderedJson message_json(const ChatMessage& message, const std::string& detail) {
  static constexpr const char* kRoles[] = {"user", "assistant", "tool"};
  OrderedJson json{{"role", kRoles[static_cast<int>(message.role)]}, {"content", content_of(message, detail)}};
  if (!message.tool_call_id.empty()) json["tool_call_id"] = message.tool_call_id;
  for (const ToolCall& call : message.tool_calls) {
    json["tool_calls"].push_back(
        {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return json;
}

// o1, o3 …, gpt-5 and what follows refuse max_tokens. Azure's deployments have names of their own: those that do not
// begin like such a model take max_tokens.
bool is_reasoning_model(const std::string& model) {
  const auto digit = [&](std::size_t at) {
    return model.size() > at && model[at] >= '0' && model[at] <= '9' ? model[at] : '\0';
  };
  return (model.starts_with("o") && digit(1)) || (model.starts_with("gpt-") && digit(4) >= '5');
}

void add_options(OrderedJson& body, const ChatRequest& request, const std::string& model, bool official) {
  body[official && is_reasoning_model(model) ? "max_completion_tokens" : "max_tokens"] = request.max_tokens;
  if (request.temperature) body["temperature"] = *request.temperature;
  if (request.top_p) body["top_p"] = *request.top_p;
  if (request.seed) body["seed"] = *request.seed;
  if (!request.stops.empty()) body["stop"] = request.stops;
  if (official && (request.top_k || request.repetition_penalty)) {
    throw Error(ErrorCode::usage, message("this service knows no {}", request.top_k ? "top_k" : "repetition_penalty"),
                message("leave the option out; temperature and top_p work"));
  }
  if (request.top_k) body["top_k"] = *request.top_k;
  if (request.repetition_penalty) body["repetition_penalty"] = *request.repetition_penalty;
  for (const Tool& tool : request.tools) {
    body["tools"].push_back(
        {{"type", "function"},
         {"function", {{"name", tool.name}, {"description", tool.description}, {"parameters", tool.parameters}}}});
  }
  if (request.schema) {
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", request.schema->name}, {"schema", request.schema->schema}, {"strict", true}}}};
  }
}

Usage usage_of(const Json& answer) {
  const Json& usage = object_at(answer, "usage");
  return {count_at(usage, "prompt_tokens"), count_at(usage, "completion_tokens")};
}

}  // namespace

std::string data_url(const std::string& mime_type, std::span<const std::byte> bytes) {
  return base64_encode(bytes, "data:" + mime_type + ";base64,");
}

std::string finish_reason_of(const std::string& theirs) {
  if (theirs == "function_call") return "tool_calls";
  if (theirs == "max_tokens") return "length";
  if (theirs == "eos" || theirs == "end_turn") return "stop";
  return theirs;
}

OrderedJson openai_chat_body(const ChatRequest& request, const std::string& model, bool official, bool stream) {
  OrderedJson messages = OrderedJson::array();
  if (!request.system.empty()) messages.push_back({{"role", "system"}, {"content", request.system}});
  for (const ChatMessage& message : request.messages) messages.push_back(message_json(message, request.detail));
  OrderedJson body = roomy_object();
  body["model"] = model;
  body["messages"] = std::move(messages);
  add_options(body, request, model, official);
  if (stream) {
    body["stream"] = true;
    body["stream_options"] = {{"include_usage", true}};
  }
  return body;
}

ChatAnswer parse_openai_chat(const Json& answer, const std::string& origin) {
  if (!answer.is_object() || !answer.contains("choices") || !answer["choices"].is_array() ||
      answer["choices"].empty()) {
    throw Error(ErrorCode::invalid_json, message("{}: the answer has no choice in it", origin));
  }
  const Json& choice = answer["choices"][0];
  const Json& reply = object_at(choice, "message");
  ChatAnswer result{
      text_at(reply, "content"), finish_reason_of(text_at(choice, "finish_reason")), usage_of(answer), {}};
  if (result.text.empty()) result.text = text_at(reply, "refusal");
  if (result.finish_reason.empty()) result.finish_reason = "stop";
  if (reply.contains("tool_calls") && reply["tool_calls"].is_array()) {
    for (const Json& call : reply["tool_calls"]) {
      const Json& function = object_at(call, "function");
      result.tool_calls.push_back({text_at(call, "id"), text_at(function, "name"), text_at(function, "arguments")});
    }
  }
  return result;
}

void OpenAiChatStream::add(const Json& chunk) {
  if (!object_at(chunk, "usage").empty()) answer_.usage = usage_of(chunk);
  if (!chunk.contains("choices") || !chunk["choices"].is_array() || chunk["choices"].empty()) return;
  const Json& choice = chunk["choices"][0];
  const Json& delta = object_at(choice, "delta");
  std::string text = text_at(delta, "content");
  if (text.empty()) text = text_at(delta, "refusal");
  if (!text.empty()) {
    answer_.text += text;
    if (on_text_) on_text_(text);
  }
  if (delta.contains("tool_calls") && delta["tool_calls"].is_array()) {
    for (const Json& piece : delta["tool_calls"]) {
      const auto index = static_cast<std::size_t>(count_at(piece, "index"));
      if (index > answer_.tool_calls.size()) continue;  // calls come in order
      if (index == answer_.tool_calls.size()) answer_.tool_calls.emplace_back();
      ToolCall& call = answer_.tool_calls[index];
      const Json& function = object_at(piece, "function");
      if (call.id.empty()) call.id = text_at(piece, "id");
      if (call.name.empty()) call.name = text_at(function, "name");
      call.arguments += text_at(function, "arguments");
    }
  }
  if (const std::string reason = text_at(choice, "finish_reason"); !reason.empty()) {
    answer_.finish_reason = finish_reason_of(reason);
  }
}

}  // namespace gaze
