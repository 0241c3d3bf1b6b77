// SigLIP's two towers. Reference: transformers' SiglipVisionTransformer, SiglipTextTransformer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/config_reader.h"
#include "nn/encoder_layer.h"
#include "nn/layers.h"
#include "nn/patch_embedding.h"
#include "nn/weight_table.h"
#include "text/tokenizer.h"

namespace gaze::siglip {

struct VisionConfig {
  EncoderConfig encoder;
  int image_size = 224;
  int patch_size = 16;
  int num_channels = 3;

  int patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

struct TextConfig {
  EncoderConfig encoder;
  int vocab_size = 32000;
  int max_position_embeddings = 64;
  int projection_size = 768;
  TokenId pad_token_id = 1;
};

// `vision_config`, `text_config` of a checkpoint. Errors: bad_weights, unsupported_model.
VisionConfig parse_vision_config(const ConfigReader& reader);
TextConfig parse_text_config(const ConfigReader& reader);

// Immutable; safe to run from several threads at once.
class VisionTower {
 public:
  VisionTower(const WeightScope& scope, const VisionConfig& config);

  // `scope` as in "vision_model".
  static void add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config);

  const VisionConfig& config() const { return config_; }

  // pixels: float32 [batch, channels, image_size, image_size]; pooled: float32 [batch, hidden_size].
  void pool(const Tensor& pixels, Tensor& pooled) const;

  // hidden_states[layers] of the reference: float32 [batch, patches, hidden_size].
  Tensor hidden_states(const Tensor& pixels, int layers) const;

 private:
  void pool_by_attention(const Tensor& hidden, Tensor& pooled) const;

  VisionConfig config_;
  DType activation_dtype_;
  PatchEmbedding embeddings_;
  Encoder encoder_;
  LayerNorm post_layernorm_;
  // SiglipMultiheadAttentionPoolingHead: a learned probe asks, all patches answer.
  Tensor query_;  // float32 [1, hidden_size]: the probe is constant, and so is what it asks
  Linear keys_values_, attention_output_;
  LayerNorm head_norm_;
  Linear head_fc1_, head_fc2_;
};

// Immutable; safe to run from several threads at once.
class TextTower {
 public:
  TextTower(const WeightScope& scope, const TextConfig& config);

  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config);

  const TextConfig& config() const { return config_; }

  // Each text has at most max_position_embeddings ids; it is padded to that many, and the padding is seen: the vector
  // is read at the last position. pooled: float32 [texts, projection_size].
  void pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const;

  // hidden_states[layers] of the reference for one text, padded: float32 [1, max_position_embeddings, hidden_size].
  Tensor hidden_states(std::span<const TokenId> ids, int layers) const;

 private:
  void embed(std::span<const TokenId> padded, Tensor& hidden) const;

  TextConfig config_;
  Tensor token_embedding_, position_embedding_;
  Encoder encoder_;
  LayerNorm final_layer_norm_;
  Linear head_;
};

}  // namespace gaze::siglip
