// The small modules that everything is built of. Each binds to a scope of a checkpoint, then runs; immutable, and safe
// to run from several threads at once.
#pragma once

#include <initializer_list>

#include "nn/weight_scope.h"
#include "ops/matmul.h"
#include "ops/norm.h"

namespace gaze {

// y = activation(x · weightᵀ + bias): `weight` [out, in] and, where the checkpoint has it, `bias` [out].
class Linear {
 public:
  explicit Linear(const WeightScope& scope, Activation activation = Activation::none) : Linear({scope}, activation) {}
  // Several layers of one input as one product; their outputs stand side by side (query, key, value).
  explicit Linear(std::initializer_list<WeightScope> scopes, Activation activation = Activation::none);
  // A weight of any shape [out, …] read as [out, in], as a patch embedding's convolution is.
  Linear(const Tensor& weight, const Tensor& bias, Precision precision, Activation activation = Activation::none);

  std::int64_t in_features() const { return matmul_.in_features(); }
  std::int64_t out_features() const { return matmul_.out_features(); }

  DType input_dtype() const { return matmul_.input_dtype(); }  // other inputs are converted first

  // x: [rows…, in], y: [rows…, out]; float32 or bf16 each.
  void operator()(const Tensor& x, Tensor& y) const { matmul_.run(x, y); }
  // y += …, for residual connections; y is float32.
  void add(const Tensor& x, Tensor& y) const { matmul_.run_add(x, y); }

 private:
  PackedMatmul matmul_;
};

class LayerNorm {
 public:
  LayerNorm(const WeightScope& scope, float epsilon)
      : weight_(scope.f32("weight")), bias_(scope.f32("bias")), epsilon_(epsilon) {}

  void operator()(const Tensor& x, Tensor& y) const { layer_norm(x, weight_, bias_, epsilon_, y); }

 private:
  Tensor weight_, bias_;
  float epsilon_;
};

class RmsNorm {
 public:
  RmsNorm(const WeightScope& scope, float epsilon) : weight_(scope.f32("weight")), epsilon_(epsilon) {}

  void operator()(const Tensor& x, Tensor& y) const { rms_norm(x, weight_, epsilon_, y); }

 private:
  Tensor weight_;
  float epsilon_;
};

}  // namespace gaze
