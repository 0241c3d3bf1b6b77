// A Decoder over models that look at a picture through cross-attention: BLIP's, the built-in captioner.
#pragma once

#include <span>
#include <vector>

#include "generate/decoder.h"
#include "nn/cross_layer.h"

namespace gaze {

// What such a model adds to its layers. Immutable; safe to share between threads.
class CrossDecoderModel {
 public:
  virtual ~CrossDecoderModel() = default;

  virtual int vocabulary_size() const = 0;
  virtual int max_positions() const = 0;
  virtual int hidden_size() const = 0;
  virtual DType activation_dtype() const = 0;
  virtual std::span<const CrossLayer> layers() const = 0;

  // ids: [rows, length] from position `first` on, within the vocabulary; hidden: float32 [rows, length, hidden_size].
  virtual void embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first, Tensor& hidden) const = 0;
  // hidden: float32 [rows, hidden_size], may be changed; logits: float32 [rows, vocabulary_size()].
  virtual void head(Tensor& hidden, Tensor& logits) const = 0;
};

// Prompt i looks at picture i. All prompts have the same length.
class CrossDecoder final : public Decoder {
 public:
  // memory: float32 [pictures, positions, width], what the layers look at; read here only. `model` outlives this.
  CrossDecoder(const CrossDecoderModel& model, const Tensor& memory);

  int vocabulary_size() const override { return model_.vocabulary_size(); }
  int max_positions() const override { return model_.max_positions(); }
  std::span<const float> start(std::span<const std::vector<TokenId>> prompts) override;
  std::span<const float> step(std::span<const TokenId> tokens, std::span<const int> parents) override;

  // Logits of every position of the prompts, for tests: float32 [prompts, length, vocabulary].
  Tensor all_logits(std::span<const std::vector<TokenId>> prompts);

 private:
  void run_prompts(std::span<const std::vector<TokenId>> prompts, Tensor& hidden);
  std::span<const float> logits_of(Tensor& hidden);
  Memory memory_of(std::size_t layer) const { return {memories_[layer], picture_of_row_}; }

  const CrossDecoderModel& model_;
  std::vector<AttentionMemory> memories_;  // one a layer
  std::vector<int> picture_of_row_, picture_before_;
  BeamCache cache_;
  std::vector<float> logits_;
};

}  // namespace gaze
