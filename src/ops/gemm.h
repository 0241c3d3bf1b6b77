// Our own product with constant weights, y = activation(x · Wᵀ + b), on whatever vectors this CPU has: the weights lie
// in panels of 32 output features, the input is packed once a product into blocks of a few rows, and a tile of sums
// stays in registers over the whole depth (Goto and van de Geijn 2008, without their third level: our depths are
// short).
#pragma once

#include <cstdint>

#include "ops/activation.h"
#include "ops/matmul.h"

namespace gaze {

// What is multiplied, always summed in float32 or int32.
enum class GemmKind {
  f32,         // any CPU
  bf16,        // weights in bf16, widened on their way to a product in float32; any CPU
  bf16_pairs,  // weights and input in bf16, two products a step: AVX-512 BF16
  int8,        // weights with one scale a feature, the input with one scale a row, symmetric: AVX-512 VNNI
};

bool is_available(GemmKind kind);  // on this CPU

// Immutable after construction; run() may be called from several threads at once.
class PackedGemm {
 public:
  // The weights are not kept. `kind` must be available.
  PackedGemm(const StackedWeights& weights, GemmKind kind, Activation activation);

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }
  // Inputs of this type are read as they are; others are converted on the way.
  DType input_dtype() const { return kind_ == GemmKind::bf16_pairs ? DType::bf16 : DType::f32; }

  // x: [rows…, in], y: [rows…, out], each float32 or bf16. `add`: the result is added to y, which is float32.
  void run(const Tensor& x, Tensor& y, bool add) const;

 private:
  void pack(const StackedWeights& weights, std::int64_t panel);

  std::int64_t out_, in_;
  GemmKind kind_;
  Activation activation_;
  Tensor panels_;      // as GemmCall says
  Tensor bias_;        // float32, padded with zeros to whole panels
  Tensor scales_;      // int8: float32, one an output feature, padded
  Tensor correction_;  // int8: i32, takes off what the input's offset of 128 adds to each sum, padded
};

}  // namespace gaze
