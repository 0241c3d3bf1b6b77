// BLIP's text side: BERT with cross-attention, as an encoder of questions and as a decoder of captions and answers.
// Reference: transformers' BlipTextModel, BlipTextLMHeadModel.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "generate/cross_decoder.h"
#include "models/blip/config.h"
#include "nn/layers.h"
#include "nn/weight_table.h"

namespace gaze::blip {

// Embeddings and layers, which encoder and decoder share in kind. Immutable; safe to share between threads.
class TextModel {
 public:
  TextModel(const WeightScope& scope, const TextConfig& config);

  // `scope` as in "text_encoder" or "text_decoder.bert".
  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config, int memory_width);

  const Tensor& word_embeddings() const { return word_embeddings_; }
  std::span<const CrossLayer> layers() const { return layers_; }

  // ids: [rows, length] from position `first` on; hidden: float32 [rows, length, hidden_size].
  void embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first, Tensor& hidden) const;

  // Texts of one length, [pictures, length], each looking at its own memory (float32 [pictures, positions, width]) with
  // every token seeing every other. Returns float32 [pictures, length, hidden_size].
  Tensor encode(std::span<const TokenId> ids, const Tensor& memory) const;

 private:
  TextConfig config_;
  Tensor word_embeddings_;      // [vocab_size, hidden_size]
  Tensor position_embeddings_;  // float32 [max_position_embeddings, hidden_size]
  LayerNorm embedding_norm_;
  std::vector<CrossLayer> layers_;
};

// The decoder with its language-model head.
class TextDecoder final : public CrossDecoderModel {
 public:
  TextDecoder(const WeightScope& scope, const TextConfig& config);

  // `scope` as in "text_decoder".
  static void add_rows(WeightTable& table, const std::string& scope, const TextConfig& config, int memory_width);

  int vocabulary_size() const override { return config_.vocab_size; }
  int max_positions() const override { return config_.max_position_embeddings; }
  int hidden_size() const override { return config_.encoder.hidden_size; }
  DType activation_dtype() const override { return activation_dtype_; }
  std::span<const CrossLayer> layers() const override { return bert_.layers(); }
  void embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first, Tensor& hidden) const override {
    bert_.embed(ids, length, first, hidden);
  }
  void head(Tensor& hidden, Tensor& logits) const override;

 private:
  TextConfig config_;
  DType activation_dtype_;
  TextModel bert_;
  Linear transform_;
  LayerNorm transform_norm_;
  Linear decoder_;
};

}  // namespace gaze::blip
