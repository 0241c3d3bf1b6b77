// config.json of the built-in model. Reference: tools/train/model.py; tools/train/README.md describes each field.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/config_reader.h"
#include "nn/encoder_layer.h"
#include "text/tokenizer.h"

namespace gaze::gaze_mini {

// One inverted residual block, `repeats` unrolled.
struct BlockConfig {
  int kernel_size = 3;
  int stride = 1;
  int in_channels = 0, middle_channels = 0, out_channels = 0;
  bool expand = true;  // false where middle = in
};

struct VisionConfig {
  int image_size = 260;
  int stem_channels = 32, stem_kernel = 3, stem_stride = 2;
  std::vector<BlockConfig> blocks;
  int hidden_size = 1280;  // of the pooled vector
  bool mirror = false;     // mean over the picture and its mirror image

  int map_channels() const { return blocks.back().out_channels; }
  int map_side() const;  // of the feature map after the last block
};

struct TextConfig {
  EncoderConfig encoder;
  int vocab_size = 0;
  int max_position_embeddings = 0;
};

struct DecoderConfig {
  EncoderConfig layers;
  int vocab_size = 0;
  int max_position_embeddings = 0;
  TokenId eos_token_id = 0;
  std::map<std::string, TokenId> language_token_ids;  // "en", "zh": the first token of a caption
};

struct Config {
  VisionConfig vision;
  TextConfig text;
  DecoderConfig decoder;
  int projection_dim = 0;
  float layer_norm_eps = 1e-5f;
};

// Errors: bad_weights (values that make no sense), unsupported_model; `origin` names the file.
Config parse_config(const Json& json, const std::string& origin);

}  // namespace gaze::gaze_mini
