// How a person names a remote model: openai:NAME, gemini:NAME, or URL#NAME for any OpenAI-compatible server.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gaze {

enum class Service { openai, azure, gemini, compatible };

struct ModelSpec {
  Service service = Service::openai;
  std::string name;      // as the service calls it; for Azure the deployment
  std::string base_url;  // without trailing slash
  std::string text;      // as the person wrote it: what `"model"` in JSON shows
};

// Whether `model` names a remote model at all (a checkpoint folder, hub id or file does not).
bool is_remote_model(std::string_view model);

// Reads the addresses from the environment, as the official clients do: OPENAI_BASE_URL, GOOGLE_GEMINI_BASE_URL, and
// AZURE_OPENAI_ENDPOINT, which takes openai:NAME where neither OPENAI_API_KEY nor OPENAI_BASE_URL is set.
// A URL whose host ends in .openai.azure.com is Azure's. Errors: usage.
ModelSpec parse_model_spec(const std::string& model);

// Whether the model only writes down what is said in a recording: OpenAI's whisper-1 and gpt-4o-transcribe, and what
// other servers call after them.
bool writes_down_speech(const ModelSpec& spec);

}  // namespace gaze
