// The block of MobileNetV2 and EfficientNet-Lite: expand (1×1), depthwise (k×k), project (1×1), plus the input where
// shapes allow; ReLU6 after the first two. Sandler et al. 2018, https://arxiv.org/abs/1801.04381
#pragma once

#include <cstdint>
#include <optional>

#include "ops/pointwise.h"
#include "tensor/tensor.h"

namespace gaze {

struct InvertedResidualWeights {
  Tensor expand_weight, expand_bias;        // [middle, in], [middle]; undefined: no expansion, middle = in
  Tensor depthwise_weight, depthwise_bias;  // [middle, k, k], [middle]
  Tensor project_weight, project_bias;      // [out, middle], [out]
  int stride = 1;
};

// Runs on one thread, a strip of rows at a time, so that the wide middle lies in the cache and never in memory.
// Immutable after construction; safe to share between threads.
class InvertedResidual {
 public:
  InvertedResidual(const InvertedResidualWeights& weights, DType dtype);  // dtype: as Pointwise's

  std::int64_t in_channels() const { return in_; }
  std::int64_t out_channels() const { return project_.out_channels(); }
  DType dtype() const { return project_.dtype(); }  // of x and y
  std::int64_t output_size(std::int64_t size) const { return (size + stride_ - 1) / stride_; }

  // x: [height, width, in_channels], y: [output_size(height), output_size(width), out_channels], both in dtype();
  // channel counts are even. Padding is TensorFlow's "same": the smaller half at top and left.
  void run(const Tensor& x, Tensor& y) const;

 private:
  std::int64_t in_, middle_;
  int kernel_, stride_;
  bool residual_;
  std::optional<Pointwise> expand_;
  Tensor depthwise_weight_, depthwise_bias_;  // float32 [k·k, middle], [middle]
  Pointwise project_;
};

// Padding before the first pixel for "same": half of what the last window lacks, rounded down.
std::int64_t same_padding_before(std::int64_t size, int kernel, int stride);

}  // namespace gaze
