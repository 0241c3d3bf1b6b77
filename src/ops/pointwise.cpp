#include "ops/pointwise.h"

#include <algorithm>

#include "ops/isa.h"
#include "ops/pointwise_kernels.h"

namespace gaze {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// [panels][in rounded up to pairs][panel width] (f32) or [panels][pairs][panel width][2] (bf16), zeros where padded.
Tensor pack(const Tensor& weight, bool bf16) {
  const std::int64_t out = weight.size(0), in = weight.size(1);
  const std::int64_t depth = round_up(in, Pointwise::kChannelMultiple);
  const std::int64_t panels = round_up(out, kPanel) / kPanel;
  const Tensor wide = weight.to_f32();
  const float* from = wide.data<float>();
  Tensor packed = Tensor::zeros({panels, depth, kPanel}, bf16 ? DType::bf16 : DType::f32);
  for (std::int64_t o = 0; o < out; ++o) {
    for (std::int64_t k = 0; k < in; ++k) {
      const std::int64_t panel = o / kPanel * depth * kPanel;
      if (bf16) {
        packed.data<Bf16>()[panel + (k / 2 * kPanel + o % kPanel) * 2 + k % 2] = to_bf16(from[o * in + k]);
      } else {
        packed.data<float>()[panel + k * kPanel + o % kPanel] = from[o * in + k];
      }
    }
  }
  return packed;
}

}  // namespace

Pointwise::Pointwise(const Tensor& weight, const Tensor& bias, bool relu6, DType dtype)
    : in_(weight.size(1)),
      out_(weight.size(0)),
      relu6_(relu6),
      bf16_(dtype == DType::bf16),
      packed_(pack(weight, bf16_)),
      bias_(Tensor::zeros({round_up(out_, kPanel)}, DType::f32)) {
  GAZE_CHECK(bias.elements() == out_ && (!bf16_ || cpu_features().avx512_bf16));
  std::copy_n(bias.data<float>(), out_, bias_.data<float>());
}

DType Pointwise::best_dtype(Precision precision) {
  return precision != Precision::f32 && cpu_features().fast_bf16_pairs ? DType::bf16 : DType::f32;
}

void Pointwise::run(const void* x, std::int64_t pixels, std::int64_t x_stride, const Output& y) const {
  const PointwiseCall call{.x = x,
                           .x_stride = x_stride,
                           .packed = packed_.raw(),
                           .bias = bias_.data<float>(),
                           .pixels = pixels,
                           .depth = packed_.size(1),
                           .out = out_,
                           .relu6 = relu6_,
                           .y = y};
  bf16_ ? pointwise_bf16(call) : pointwise_f32(call);
}

void Pointwise::round(const float* from, std::int64_t count, Bf16* to) {
  round_pixels_bf16(from, count, to);
}

}  // namespace gaze
