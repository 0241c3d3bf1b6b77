// config.json of CLIP checkpoints, OpenAI's and LAION's. Reference: transformers' CLIPConfig, CLIPTextConfig,
// CLIPVisionConfig.
#pragma once

#include <string>

#include "base/json.h"
#include "models/config_reader.h"
#include "nn/encoder_layer.h"

namespace gaze::clip {

struct VisionConfig {
  EncoderConfig encoder;
  int image_size = 224;
  int patch_size = 32;
  int num_channels = 3;

  int patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

struct TextConfig {
  EncoderConfig encoder;
  int vocab_size = 49408;
  int max_position_embeddings = 77;
  // 2, as all old configs say, is wrong in them: the end token is then the largest id of a text.
  int eos_token_id = 49407;
};

struct Config {
  VisionConfig vision;
  TextConfig text;
  int projection_dim = 512;
};

// Errors: bad_weights, unsupported_model; `origin` names the file.
Config parse_config(const Json& json, const std::string& origin);
// The `vision_config` of a checkpoint that uses CLIP's picture tower, as LLaVA does.
VisionConfig parse_vision_config(const ConfigReader& reader);

}  // namespace gaze::clip
