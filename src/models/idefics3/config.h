// config.json of Idefics3 (Laurençon et al. 2024, https://arxiv.org/abs/2408.12637) and SmolVLM, which is one made
// small. Reference: transformers' Idefics3Config.
#pragma once

#include "models/config_reader.h"
#include "models/llama/config.h"
#include "nn/encoder_layer.h"
#include "text/tokenizer.h"

namespace gaze::idefics3 {

struct VisionConfig {
  EncoderConfig encoder;
  int image_size = 224;
  int patch_size = 32;

  int side() const { return image_size / patch_size; }
  int patches() const { return side() * side(); }
};

struct Config {
  VisionConfig vision;
  llama::Config text;
  TokenId image_token = 128257;
  int scale_factor = 2;  // patches that are folded into one vector, along each side

  // Vectors of a tile, and the numbers of the tower's that each is made of.
  int vectors() const { return vision.patches() / (scale_factor * scale_factor); }
  int folded_width() const { return vision.encoder.hidden_size * scale_factor * scale_factor; }
};

// Errors: bad_weights; unsupported_model (language models other than LLaMA and Mistral).
Config parse_config(const ConfigReader& reader);
// The same with a language model that is known already.
Config parse_config(const ConfigReader& reader, llama::Config text);

}  // namespace gaze::idefics3
