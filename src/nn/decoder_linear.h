// The layers of language models, whose weights may be quantised: blocks are multiplied as they lie, numbers are packed
// in the scope's precision. Immutable; safe to run from several threads at once.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <variant>

#include "nn/layers.h"
#include "ops/quantized_matmul.h"

namespace gaze {

// y = x · weightᵀ + bias, as Linear.
class DecoderLinear {
 public:
  explicit DecoderLinear(const WeightScope& scope) : DecoderLinear({scope}) {}
  // Several layers of one input as one product; their outputs stand side by side.
  explicit DecoderLinear(std::initializer_list<WeightScope> scopes);

  std::int64_t in_features() const;
  std::int64_t out_features() const;
  DType input_dtype() const;  // other inputs are converted first

  // x: [rows…, in], y: float32 [rows…, out].
  void operator()(const Tensor& x, Tensor& y) const;
  void add(const Tensor& x, Tensor& y) const;  // y += …

 private:
  std::variant<Linear, QuantizedMatmul> product_;
};

// Vectors of tokens: `weight` [vocabulary, width].
class Embedding {
 public:
  explicit Embedding(const WeightScope& scope);

  // to: float32 [ids, width]; ids lie within the vocabulary.
  void operator()(std::span<const std::int32_t> ids, Tensor& to) const;

 private:
  Tensor table_;                       // as stored, or
  std::optional<BlockTensor> blocks_;  // quantised
};

}  // namespace gaze
