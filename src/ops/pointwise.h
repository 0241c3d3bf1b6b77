// 1×1 convolutions on one thread: y = activation(x · Wᵀ + b) over a list of pixels, channels last. Convolutional
// networks run many small ones of these between depthwise steps while the data lie in the cache; one picture a thread
// then beats one product on all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/precision.h"
#include "tensor/tensor.h"

namespace gaze {

// Immutable after construction; safe to share between threads.
class Pointwise {
 public:
  // weight: [out_channels, in_channels], any float type; bias: float32 [out_channels]. Neither is kept.
  // dtype: how pixels are stored and multiplied, f32 or, where the CPU has AVX-512 BF16, bf16.
  Pointwise(const Tensor& weight, const Tensor& bias, bool relu6, DType dtype);

  // The faster of the two on this CPU, as far as `precision` allows; int8 computes as automatic does.
  static DType best_dtype(Precision precision);

  std::int64_t in_channels() const { return in_; }
  std::int64_t out_channels() const { return out_; }
  DType dtype() const { return bf16_ ? DType::bf16 : DType::f32; }
  // The channels of x are padded with zeros to a multiple of this many.
  static constexpr std::int64_t kChannelMultiple = 2;

  struct Output {
    // One of the two. float32 whatever dtype() is; bf16 only where dtype() is.
    float* f32 = nullptr;
    Bf16* bf16 = nullptr;
    std::int64_t stride = 0;  // elements from one pixel to the next
    // Where pixels lie in rows with a gap between: pixels a row (0: one row) and elements from row to row.
    std::int64_t row_pixels = 0;
    std::int64_t row_stride = 0;
    // Added after the activation, laid out as the output, in dtype(); may be the output itself.
    const void* residual = nullptr;

    std::int64_t offset(std::int64_t pixel) const {
      return row_pixels == 0 ? pixel * stride : pixel / row_pixels * row_stride + pixel % row_pixels * stride;
    }
  };

  // x: [pixels, x_stride] in dtype(), x_stride ≥ in_channels rounded up to kChannelMultiple.
  void run(const void* x, std::int64_t pixels, std::int64_t x_stride, const Output& y) const;

  // `count` numbers as pixels in bf16; for CPUs whose best_dtype may be that.
  static void round(const float* from, std::int64_t count, Bf16* to);

 private:
  std::int64_t in_, out_;
  bool relu6_, bf16_;
  Tensor packed_;  // panels of kPanel output channels, in the order in which the kernel reads them
  Tensor bias_;    // float32, padded with zeros to whole panels
};

}  // namespace gaze
