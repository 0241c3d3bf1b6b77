#include "providers/openai.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "base/message.h"
#include "providers/openai_chat.h"
#include "providers/openai_images.h"
#include "providers/openai_responses.h"
#include "providers/openai_speech.h"

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

// The one model that makes variations of a picture without words.
bool varies_pictures(const std::string& model) {
  return model == "dall-e-2";
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
  if (varies_pictures(spec_.name)) {  // the reference of the Images API, image of createVariation
    rules.mime_types = {"image/png"};
    rules.longest_side = 1024;
    rules.square = true;
    rules.bytes = 4'000'000;
    return rules;
  }
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

bool OpenAiModel::uses_responses() const {
  return spec_.service == Service::openai && needs_responses_api(spec_.name);
}

// OpenAI's whisper-1 takes no notice of being asked to, and other servers stream in shapes of their own.
bool OpenAiModel::streams_speech() const {
  return official() && spec_.name.find("transcribe") != std::string::npos;
}

HttpRequest OpenAiModel::chat_request(const ChatRequest& request, bool stream) const {
  if (writes_down_speech(spec_)) {
    return openai_speech_request(request, spec_.name, address("/audio/transcriptions"), headers(),
                                 stream && streams_speech());
  }
  if (uses_responses()) {
    return json_request(address("/responses"), headers(), openai_responses_body(request, spec_.name, stream));
  }
  return json_request(address("/chat/completions"), headers(),
                      openai_chat_body(request, spec_.name, official(), stream));
}

// Feeds events to `stream` until its end; an end too early carries what came.
template <class Stream, class Failure>
ChatAnswer OpenAiModel::stream_chat(const HttpRequest& request, const CancelToken& cancel, Stream& stream,
                                    const Failure& failure_of) const {
  bool done = false;
  try {
    api_.stream(request, cancel, [&](const SseEvent& event) {
      done = done || event.data == "[DONE]";
      if (done) return;
      const Json chunk = parse_json(event.data, api_.service());
      if (const Json failure = failure_of(chunk); !failure.is_null()) {
        throw service_error(api_.service(), failure, request);
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

ChatAnswer OpenAiModel::chat(const ChatRequest& request, const CancelToken& cancel, const TextSink& on_text) const {
  require_key();
  const HttpRequest http_request = chat_request(request, static_cast<bool>(on_text));
  const auto failure_in_chunk = [](const Json& chunk) -> Json {
    const bool failed = chunk.is_object() && chunk.contains("error") && !chunk["error"].is_null();
    return failed ? chunk : nullptr;
  };
  if (writes_down_speech(spec_)) {
    if (on_text && streams_speech()) {
      OpenAiSpeechStream stream(on_text);
      return stream_chat(http_request, cancel, stream, failure_in_chunk);
    }
    ChatAnswer answer = parse_openai_speech(api_.call_json(http_request, cancel), api_.service());
    if (on_text) on_text(answer.text);
    return answer;
  }
  if (!on_text) {
    const Json answer = api_.call_json(http_request, cancel);
    return uses_responses() ? parse_openai_response(answer, api_.service()) : parse_openai_chat(answer, api_.service());
  }
  if (uses_responses()) {
    OpenAiResponsesStream stream(api_.service(), on_text);
    return stream_chat(http_request, cancel, stream, OpenAiResponsesStream::failure_of);
  }
  OpenAiChatStream stream(on_text);
  return stream_chat(http_request, cancel, stream, failure_in_chunk);
}

HttpRequest OpenAiModel::image_request(const ImageRequest& request) const {
  if (request.prompt.empty() && official() && !varies_pictures(spec_.name)) throw_needs_prompt();
  return openai_images_request(request, spec_.name, address(openai_images_path(request)), headers());
}

std::vector<GeneratedImage> OpenAiModel::generate_images(const ImageRequest& request, const CancelToken& cancel) const {
  require_key();
  return parse_openai_images(api_.call_json(image_request(request), cancel), api_.service(),
                             [&](const std::string& url) {  // a storage host: it gets no key
                               return api_.call({.url = url, .redirects = Redirects::anywhere_without_secrets}, cancel);
                             });
}

HttpRequest OpenAiModel::embed_request(const std::vector<std::string>& texts, int dimensions) const {
  OrderedJson body{{"model", spec_.name}, {"input", texts}, {"encoding_format", "float"}};
  if (dimensions > 0) body["dimensions"] = dimensions;
  return json_request(address("/embeddings"), headers(), std::move(body));
}

TextVectors OpenAiModel::embed(const std::vector<std::string>& texts, int dimensions, const CancelToken& cancel) const {
  require_key();
  const Json answer = api_.call_json(embed_request(texts, dimensions), cancel);
  TextVectors result{std::vector<std::vector<float>>(texts.size()), {}};
  try {
    for (const Json& item : answer.at("data")) {
      result.vectors.at(item.at("index").get<std::size_t>()) = item.at("embedding").get<std::vector<float>>();
    }
  } catch (const std::exception&) {  // a field that is missing or no number, an index that is none of ours
    result.vectors.clear();
  }
  const bool complete = result.vectors.size() == texts.size() &&
                        std::ranges::none_of(result.vectors, [](const auto& vector) { return vector.empty(); });
  if (!complete) {
    throw Error(ErrorCode::invalid_json, message("{}: the answer does not have one vector a text", api_.service()));
  }
  result.usage.prompt_tokens = count_at(object_at(answer, "usage"), "prompt_tokens");
  return result;
}

}  // namespace gaze
