// CLIP's text tower: a causal transformer. Reference: transformers' CLIPTextTransformer.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/clip/config.h"
#include "nn/layers.h"
#include "nn/weight_table.h"
#include "text/tokenizer.h"

namespace gaze::clip {

// Immutable; safe to run from several threads at once.
class TextTower {
 public:
  TextTower(const WeightScope& scope, const TextConfig& config);

  // `scope` as in "text_model".
  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config);

  const TextConfig& config() const { return config_; }

  // The end token after the last layer and final_layer_norm: `pooler_output`. Texts may differ in length; each has 1 to
  // max_position_embeddings ids within the vocabulary. pooled: float32 [texts, hidden_size].
  void pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const;

  // hidden_states[layers] of the reference for one text, before final_layer_norm: float32 [1, ids, hidden_size].
  Tensor hidden_states(std::span<const TokenId> ids, int layers) const;

  // Where the text's vector is read.
  std::int32_t end_position(std::span<const TokenId> ids) const;

 private:
  TextConfig config_;
  Tensor token_embedding_;     // [vocab_size, hidden_size], of the checkpoint's type
  Tensor position_embedding_;  // float32 [max_position_embeddings, hidden_size]
  Encoder encoder_;
  LayerNorm final_layer_norm_;
};

}  // namespace gaze::clip
