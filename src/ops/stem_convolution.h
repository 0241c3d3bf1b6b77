// The first convolution of a network: few channels in (planes), some more out (channels last), on one thread.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace gaze {

// y[oy, ox, o] = relu6(bias[o] + Σ x[c, oy·stride − top + i, ox·stride − left + j] · weight[o, c, i, j]), zeros
// outside. Immutable; safe to share.
class StemConvolution {
 public:
  // weight: [out, in, k, k], any float type; bias: float32 [out].
  StemConvolution(const Tensor& weight, const Tensor& bias, int stride);

  std::int64_t out_channels() const { return out_; }

  // One row of output: x float32 [in, height, width]; y float32 [out_width, out_channels].
  void run_row(const float* x, std::int64_t height, std::int64_t width, std::int64_t top, std::int64_t left,
               std::int64_t oy, std::int64_t out_width, float* y) const;

 private:
  std::int64_t out_, in_, kernel_;
  int stride_;
  Tensor weight_;  // float32 [in·k·k, out rounded up to 16]
  Tensor bias_;    // rounded up likewise
};

}  // namespace gaze
