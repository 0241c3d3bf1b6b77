// config.json of LLaMA-architecture text models, Mistral's among them. Reference: transformers' LlamaConfig,
// MistralConfig and modeling_rope_utils.py.
#pragma once

#include <string>
#include <vector>

#include "models/config_reader.h"
#include "ops/rotary.h"

namespace gaze::llama {

struct Config {
  int vocab_size = 32000;
  int hidden_size = 4096;
  int intermediate_size = 11008;
  int num_hidden_layers = 32;
  int num_attention_heads = 32;
  int num_key_value_heads = 32;  // divides num_attention_heads
  int head_dim = 128;
  int max_position_embeddings = 2048;  // where a Mistral has a sliding window, no more than that
  float rms_norm_eps = 1e-6f;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  bool mlp_bias = false;

  std::vector<float> rotary_frequencies;  // head_dim / 2, scaled as rope_scaling says
  float rotary_scale = 1;                 // of the cosines and sines
  RotaryPairs rotary_pairs = RotaryPairs::halves;

  int query_width() const { return num_attention_heads * head_dim; }
  int key_width() const { return num_key_value_heads * head_dim; }
};

// Errors: bad_weights; unsupported_model (another model_type, a way of scaling rotary positions, or an activation, that
// Gaze lacks).
Config parse_config(const ConfigReader& reader);

}  // namespace gaze::llama
