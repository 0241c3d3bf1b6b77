// BERT without a pooler: the vector of a text is its first token after the last layer.
// Reference: transformers' ChineseCLIPTextModel.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/config_reader.h"
#include "nn/encoder_layer.h"
#include "nn/layers.h"
#include "nn/weight_table.h"
#include "text/tokenizer.h"

namespace gaze::chinese_clip {

struct TextConfig {
  EncoderConfig encoder;
  int vocab_size = 21128;
  int max_position_embeddings = 512;
  int type_vocab_size = 2;
};

// The `text_config` of a checkpoint. Errors: bad_weights, unsupported_model.
TextConfig parse_text_config(const ConfigReader& reader);

// Immutable; safe to run from several threads at once.
class TextTower {
 public:
  TextTower(const WeightScope& scope, const TextConfig& config);

  // `scope` as in "text_model".
  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config);

  const TextConfig& config() const { return config_; }

  // Each text has 1 to max_position_embeddings ids within the vocabulary; lengths may differ, padding is not seen.
  // pooled: float32 [texts, hidden_size].
  void pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const;

  // hidden_states[layers] of the reference for one text: float32 [1, ids, hidden_size].
  Tensor hidden_states(std::span<const TokenId> ids, int layers) const;

 private:
  void embed(std::span<const TokenId> ids, Tensor& hidden) const;

  TextConfig config_;
  Tensor word_embeddings_;      // [vocab_size, hidden_size]
  Tensor position_embeddings_;  // float32 [max_position_embeddings, hidden_size], token type 0 added
  LayerNorm embedding_norm_;
  Encoder encoder_;
};

}  // namespace gaze::chinese_clip
