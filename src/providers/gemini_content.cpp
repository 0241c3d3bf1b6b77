#include "providers/gemini_content.h"

#include "base/error.h"
#include "base/message.h"
#include "providers/api_call.h"
#include "providers/encoding.h"

namespace gaze {
namespace {

OrderedJson part_json(const Part& part, const FilePartJson& file_json) {
  if (const auto* text = std::get_if<TextPart>(&part)) return {{"text", text->text}};
  if (const auto* file = std::get_if<FilePart>(&part)) return file_json(*file);
  if (const auto* picture = std::get_if<PicturePart>(&part)) {
    return gemini_inline_data(picture->picture.mime_type, picture->picture.file);
  }
  throw Error(ErrorCode::usage, message("Gemini does not fetch pictures from web addresses"),
              message("download the picture and give the file"));
}

OrderedJson text_content(const std::string& text) {
  OrderedJson content;
  content["parts"] = OrderedJson::array({{{"text", text}}});
  content["role"] = "user";
  return content;
}

OrderedJson message_json(const ChatMessage& message, const FilePartJson& file_json) {
  OrderedJson parts = OrderedJson::array();
  if (message.role == Role::tool) {
    std::string result;
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<TextPart>(&part)) result += text->text;
    }
    parts.push_back({{"functionResponse", {{"name", message.tool_name}, {"response", {{"result", result}}}}}});
  } else {
    for (const Part& part : message.parts) parts.push_back(part_json(part, file_json));
    for (const ToolCall& call : message.tool_calls) {
      parts.push_back(
          {{"functionCall", {{"args", OrderedJson(parse_json(call.arguments, call.name))}, {"name", call.name}}}});
    }
  }
  OrderedJson content;
  content["parts"] = std::move(parts);
  content["role"] = message.role == Role::assistant ? "model" : "user";
  return content;
}

// Everything but a normal end and a full budget is the service stepping in: SAFETY, RECITATION, BLOCKLIST, …
std::string gemini_finish_reason(const std::string& theirs) {
  if (theirs.empty() || theirs == "FINISH_REASON_UNSPECIFIED") return {};
  if (theirs == "STOP") return "stop";
  if (theirs == "MAX_TOKENS") return "length";
  return "content_filter";
}

}  // namespace

OrderedJson gemini_inline_data(const std::string& mime_type, std::span<const std::byte> bytes) {
  return {{"inlineData", {{"data", base64_encode(bytes)}, {"mimeType", mime_type}}}};
}

OrderedJson gemini_body(const ChatRequest& request, const FilePartJson& file_json) {
  if (request.repetition_penalty || !request.detail.empty()) {
    throw Error(ErrorCode::usage,
                message("this service knows no {}", request.repetition_penalty ? "repetition_penalty" : "detail"),
                message("leave the option out; temperature and top_p work"));
  }
  OrderedJson body = roomy_object();
  body["contents"] = OrderedJson::array();
  for (const ChatMessage& message : request.messages) body["contents"].push_back(message_json(message, file_json));
  if (!request.system.empty()) body["systemInstruction"] = text_content(request.system);
  if (!request.tools.empty()) {
    OrderedJson declarations = OrderedJson::array();
    for (const Tool& tool : request.tools) {
      declarations.push_back(
          {{"description", tool.description}, {"name", tool.name}, {"parametersJsonSchema", tool.parameters}});
    }
    body["tools"] = OrderedJson::array();
    body["tools"].push_back({{"functionDeclarations", std::move(declarations)}});
  }
  OrderedJson& config = body["generationConfig"];
  if (request.temperature) config["temperature"] = *request.temperature;
  if (request.top_p) config["topP"] = *request.top_p;
  if (request.top_k) config["topK"] = *request.top_k;
  config["maxOutputTokens"] = request.max_tokens;
  if (request.seed) config["seed"] = *request.seed;
  if (!request.stops.empty()) config["stopSequences"] = request.stops;
  if (request.schema) {
    config["responseMimeType"] = "application/json";
    config["responseJsonSchema"] = request.schema->schema;
  }
  return body;
}

void GeminiStream::add(const Json& chunk) {
  if (const Json& usage = object_at(chunk, "usageMetadata"); !usage.empty()) {
    answer_.usage = {count_at(usage, "promptTokenCount"),
                     count_at(usage, "candidatesTokenCount") + count_at(usage, "thoughtsTokenCount")};
  }
  const bool has_candidate = chunk.is_object() && chunk.contains("candidates") && chunk["candidates"].is_array() &&
                             !chunk["candidates"].empty();
  if (!has_candidate) {
    const std::string reason = text_at(object_at(chunk, "promptFeedback"), "blockReason");
    if (reason.empty()) return;
    throw Error(ErrorCode::usage, message("{} blocked this request by its safety rules: {}", service_, reason));
  }
  const Json& candidate = chunk["candidates"][0];
  const Json& content = object_at(candidate, "content");
  if (content.contains("parts") && content["parts"].is_array()) {
    for (const Json& part : content["parts"]) {
      if (part.is_object() && part.contains("thought") && part["thought"] == true) continue;
      if (const std::string text = text_at(part, "text"); !text.empty()) {
        answer_.text += text;
        if (on_text_) on_text_(text);
      }
      if (const Json& call = object_at(part, "functionCall"); !call.empty()) {
        answer_.tool_calls.push_back({text_at(call, "id"), text_at(call, "name"), object_at(call, "args").dump()});
      }
      if (const Json& data = object_at(part, "inlineData"); !data.empty()) {
        images_.push_back({base64_decode(text_at(data, "data"), service_), text_at(data, "mimeType"), {}});
      }
    }
  }
  if (const std::string reason = gemini_finish_reason(text_at(candidate, "finishReason")); !reason.empty()) {
    answer_.finish_reason = reason == "stop" && !answer_.tool_calls.empty() ? "tool_calls" : reason;
  }
}

}  // namespace gaze
