// The text side of the built-in model: a small bidirectional transformer, averaged over the text.
// Reference: TextModel in tools/train/model.py.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/gaze_mini/config.h"
#include "nn/layers.h"
#include "nn/weight_table.h"
#include "text/tokenizer.h"

namespace gaze::gaze_mini {

// Immutable; safe to run from several threads at once.
class TextTower {
 public:
  TextTower(const WeightScope& scope, const TextConfig& config);

  // `scope` as in "text_model".
  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config);

  const TextConfig& config() const { return config_; }

  // Each text has 1 to max_position_embeddings ids within the vocabulary; lengths may differ.
  // pooled: float32 [texts, hidden_size].
  void pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const;

 private:
  TextConfig config_;
  Tensor token_embedding_;     // [vocab_size, hidden_size]
  Tensor position_embedding_;  // float32 [max_position_embeddings, hidden_size]
  Encoder encoder_;
  LayerNorm final_layer_norm_;
};

}  // namespace gaze::gaze_mini
