// GGUF files of LLaMA-architecture text models (general.architecture "llama"), as llama.cpp's converter writes them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "models/llama/config.h"
#include "text/tokenizer.h"
#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {
class GgufFile;
}

namespace gaze::llama {

struct GgufModel {
  Config config;
  std::shared_ptr<const WeightSource> weights;  // under the names of the hub's checkpoints
  std::unique_ptr<const Tokenizer> tokenizer;
  std::string chat_template;  // Jinja, as in tokenizer_config.json; empty where there is none
};

// Errors: bad_weights, unsupported_model (another architecture, tokenizer, or way of turning positions).
GgufModel read_gguf(const WeightFile& file);

// What its metadata say of the model; `origin` is for messages. Errors: as read_gguf's, but for the tokenizer.
Config read_gguf_config(const GgufFile& file, const std::string& origin);

// For those who write such files. The name there of a tensor of "model" or "lm_head"; nothing: it is left out.
std::optional<std::string> gguf_name(std::string_view reference_name);
// The weights of a file under the reference's names; its metadata is not read. Errors: bad_weights.
std::shared_ptr<const WeightSource> with_reference_names(const WeightFile& file);
// What each frequency of that base is divided by ("rope_freqs.weight"); undefined where they are the config's.
inline constexpr float kGgufRotaryBase = 10000;
Tensor frequency_factors(const Config& config);

}  // namespace gaze::llama
