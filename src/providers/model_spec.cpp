#include "providers/model_spec.h"

#include <cstdlib>

#include "base/error.h"
#include "base/message.h"
#include "providers/url.h"

namespace gaze {
namespace {

constexpr std::string_view kOpenAi = "openai:", kGemini = "gemini:";

bool is_web_address(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string without_trailing_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string checked(const std::string& url) {
  return without_trailing_slash(Url(url).text());
}

}  // namespace

bool is_remote_model(std::string_view model) {
  return model.starts_with(kOpenAi) || model.starts_with(kGemini) || is_web_address(model);
}

ModelSpec parse_model_spec(const std::string& model) {
  ModelSpec spec;
  spec.text = model;
  if (is_web_address(model)) {
    const auto mark = model.rfind('#');
    spec.name = mark == model.npos ? "" : model.substr(mark + 1);
    if (spec.name.empty()) {
      throw Error(ErrorCode::usage, message("{}: the model's name is missing", Url(model).for_people()),
                  message("write it after a #: http://host:8000/v1#name"));
    }
    spec.base_url = checked(model.substr(0, mark));
    const bool azure = Url(spec.base_url).host().ends_with(".openai.azure.com");
    spec.service = azure ? Service::azure : Service::compatible;
    return spec;
  }

  const bool gemini = model.starts_with(kGemini);
  if (!gemini && !model.starts_with(kOpenAi)) throw Error(ErrorCode::usage, message("{}: not a remote model", model));
  spec.name = model.substr(gemini ? kGemini.size() : kOpenAi.size());
  if (spec.name.empty()) {
    throw Error(ErrorCode::usage, message("{}: the model's name is missing", model),
                message("for example openai:gpt-4o or gemini:gemini-2.5-flash"));
  }
  const std::string openai_url = environment("OPENAI_BASE_URL");
  const std::string azure_url = environment("AZURE_OPENAI_ENDPOINT");
  if (gemini) {
    const std::string url = environment("GOOGLE_GEMINI_BASE_URL");
    spec.service = Service::gemini;
    spec.base_url = checked(url.empty() ? "https://generativelanguage.googleapis.com" : url);
  } else if (openai_url.empty() && !azure_url.empty() && environment("OPENAI_API_KEY").empty()) {
    spec.service = Service::azure;
    spec.base_url = checked(azure_url);
  } else {
    spec.base_url = checked(openai_url.empty() ? "https://api.openai.com/v1" : openai_url);
  }
  return spec;
}

bool writes_down_speech(const ModelSpec& spec) {
  const auto has = [&](const char* word) { return spec.name.find(word) != std::string::npos; };
  return spec.service != Service::gemini && (has("whisper") || has("transcribe"));
}

}  // namespace gaze
