#include "providers/openai.h"

#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/message.h"
#include "providers/openai_chat.h"

namespace gaze {
namespace {

std::string environment(const char* name, const char* otherwise = "") {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

std::string name_for_people(const ModelSpec& spec) {
  if (spec.service == Service::openai) return "OpenAI";
  if (spec.service == Service::azure) return "Azure OpenAI";
  return Url(spec.base_url).host();
}

// A picture is cut into tiles of 512 pixels after its shorter side became 768 (gpt-4o, gpt-4.1, o1, o3 and before); the
// mini models since gpt-4.1-mini and everything later count patches of the picture as it is, within 2048 pixels.
bool counts_tiles(const std::string& model) {
  if (model.find("mini") != std::string::npos || model.find("nano") != std::string::npos) {
    return model.starts_with("gpt-4o");
  }
  return model.starts_with("gpt-4") || model.starts_with("chatgpt-4o") || model.starts_with("o1") ||
         model.starts_with("o3");
}

}  // namespace

OpenAiModel::OpenAiModel(ModelSpec spec, Secret key, const RemoteOptions& options)
    : spec_(std::move(spec)),
      key_(std::move(key)),
      http_(options.http),
      api_(name_for_people(spec_), http_, options.retry) {}

// Source: OpenAI's guide "Images and vision", sections on image input requirements and calculating costs.
PictureRules OpenAiModel::picture_rules(const std::string& detail) const {
  PictureRules rules;
  if (!official()) return rules;
  if (detail == "low") {
    rules.longest_side = 512;
  } else if (detail != "original" && counts_tiles(spec_.name)) {
    rules.shorter_side = 768;
  }
  return rules;
}

std::string OpenAiModel::address(const std::string& path) const {
  if (spec_.service != Service::azure) return spec_.base_url + path;
  // Azure: the deployment stands in the path and every address has an API version.
  const std::string version = environment("OPENAI_API_VERSION", "2024-10-21");
  return spec_.base_url + "/openai/deployments/" + percent_encode(spec_.name) + path +
         "?api-version=" + percent_encode(version);
}

std::vector<HttpHeader> OpenAiModel::headers() const {
  std::vector<HttpHeader> headers{{"Accept", "application/json"}};
  if (!key_.empty()) {
    if (spec_.service == Service::azure) {
      headers.push_back({"api-key", key_.reveal(), key_});
    } else {
      headers.push_back({"Authorization", "Bearer " + key_.reveal(), key_});
    }
  }
  if (spec_.service == Service::openai) {
    if (const std::string id = environment("OPENAI_ORG_ID"); !id.empty())
      headers.push_back({"OpenAI-Organization", id});
    if (const std::string id = environment("OPENAI_PROJECT_ID"); !id.empty()) headers.push_back({"OpenAI-Project", id});
  }
  return headers;
}

// Other servers may need none: they say so themselves.
void OpenAiModel::require_key() const {
  if (!key_.empty() || !official()) return;
  const char* variable = spec_.service == Service::azure ? "AZURE_OPENAI_API_KEY" : "OPENAI_API_KEY";
  throw Error(ErrorCode::unauthorized, message("{} needs a key and none is set", api_.service()),
              message("set the environment variable {}", variable));
}

HttpRequest OpenAiModel::chat_request(const ChatRequest& request, bool stream) const {
  return json_request(address("/chat/completions"), headers(),
                      openai_chat_body(request, spec_.name, official(), stream));
}

ChatAnswer OpenAiModel::chat(const ChatRequest& request, const CancelToken& cancel, const TextSink& on_text) const {
  require_key();
  const HttpRequest http_request = chat_request(request, static_cast<bool>(on_text));
  if (!on_text) return parse_openai_chat(api_.call_json(http_request, cancel), api_.service());

  OpenAiChatStream stream(on_text);
  bool done = false;
  try {
    api_.stream(http_request, cancel, [&](const SseEvent& event) {
      if (done || event.data == "[DONE]") {
        done = true;
        return;
      }
      const Json chunk = parse_json(event.data, api_.service());
      if (chunk.is_object() && chunk.contains("error") && !chunk["error"].is_null()) {
        throw service_error(api_.service(), chunk, http_request);
      }
      stream.add(chunk);
    });
    if (!done && !stream.finished()) {
      throw Error(ErrorCode::network, message("{}: the answer broke off before its end", api_.service()),
                  message("try again"));
    }
  } catch (const Error& error) {
    if (stream.answer().text.empty() || error.code() == ErrorCode::cancelled) throw;
    throw BrokenAnswer(error, stream.answer());
  }
  ChatAnswer answer = stream.answer();
  if (answer.finish_reason.empty()) answer.finish_reason = "stop";
  return answer;
}

}  // namespace gaze
