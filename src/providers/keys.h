// Where keys come from: the environment, a file that only its owner can read, or the desktop's keyring.
#pragma once

#include <filesystem>
#include <string>

#include "providers/model_spec.h"
#include "providers/redact.h"

namespace gaze {

// $XDG_CONFIG_HOME/gaze/keys.json: {"openai":"…","gemini":"…","azure":"…","huggingface":"…","modelscope":"…",
// "HOST":"…"} for OpenAI-compatible servers by host.
std::filesystem::path keys_file();

// The key for a model's service, or an empty one. The environment comes first: OPENAI_API_KEY; AZURE_OPENAI_API_KEY;
// GOOGLE_API_KEY or GEMINI_API_KEY; then the file, then the keyring (entries named as in the file). A server named by
// URL receives the key the file has for its host, the one of the environment that is made for that host
// (OPENROUTER_API_KEY, DASHSCOPE_API_KEY, MOONSHOT_API_KEY, ZAI_API_KEY), and OPENAI_API_KEY only where OPENAI_BASE_URL
// names the same origin or the server is this machine. Errors: unauthorized (others can read the file), invalid_json.
Secret find_key(const ModelSpec& spec);

// HF_TOKEN, or `huggingface` in the file; MODELSCOPE_API_TOKEN, or `modelscope`.
Secret find_hub_token(bool modelscope);

}  // namespace gaze
