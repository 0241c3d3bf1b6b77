// config.json of BLIP checkpoints, as in old and new hub repositories. Reference: transformers' BlipConfig.
#pragma once

#include <string>

#include "base/json.h"
#include "models/config_reader.h"
#include "nn/encoder_layer.h"
#include "text/tokenizer.h"

namespace gaze::blip {

struct VisionConfig {
  EncoderConfig encoder;
  int image_size = 384;
  int patch_size = 16;

  int patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

struct TextConfig {
  EncoderConfig encoder;
  int vocab_size = 30524;
  int max_position_embeddings = 512;
  TokenId bos_token_id = 30522;  // [DEC]
  TokenId sep_token_id = 102;    // ends a caption
};

struct Config {
  VisionConfig vision;
  TextConfig text;
  int image_text_hidden_size = 256;  // of the space of the contrastive head
};

// Errors: bad_weights, unsupported_model; `origin` names the file.
Config parse_config(const Json& json, const std::string& origin);

}  // namespace gaze::blip
