// config.json of LLaVA-1.5 (Liu et al. 2023, https://arxiv.org/abs/2310.03744). Reference: transformers' LlavaConfig.
#pragma once

#include "models/clip/config.h"
#include "models/llama/config.h"
#include "text/tokenizer.h"

namespace gaze::llava {

struct Config {
  clip::VisionConfig vision;
  llama::Config text;
  TokenId image_token = 32000;
  int vision_layers = 23;       // of the tower that run: vision_feature_layer, counted from the first
  bool class_token = false;     // whether its vector is one of the picture's (vision_feature_select_strategy "full")
  bool pads_to_square = false;  // pictures, with the mean colour, before they are prepared
  Activation projector_hidden_act = Activation::gelu;
  bool projector_bias = true;

  // Vectors of a picture.
  int vectors() const { return vision.patches() + class_token; }
};

// Errors: bad_weights; unsupported_model (towers and language models other than CLIP and LLaMA or Mistral, features of
// several layers).
Config parse_config(const ConfigReader& reader);

// How many of the tower's layers run for the hidden state that `key` names: 0 is what the first layer reads, -1 what
// the last one gives.
int parse_vision_layers(const ConfigReader& reader, const char* key, int layers);

}  // namespace gaze::llava
