// GGUF files of LLaMA-architecture text models (general.architecture "llama"), as llama.cpp's converter writes them.
#pragma once

#include <memory>
#include <string>

#include "models/llama/config.h"
#include "text/tokenizer.h"
#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze::llama {

struct GgufModel {
  Config config;
  std::shared_ptr<const WeightSource> weights;  // under the names of the hub's checkpoints
  std::unique_ptr<const Tokenizer> tokenizer;
  std::string chat_template;  // Jinja, as in tokenizer_config.json; empty where there is none
};

// Errors: bad_weights, unsupported_model (another architecture, tokenizer, or way of turning positions).
GgufModel read_gguf(const WeightFile& file);

}  // namespace gaze::llama
