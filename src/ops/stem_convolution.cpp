#include "ops/stem_convolution.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/stem_convolution.cpp"
#include <algorithm>

#include <hwy/foreach_target.h>

#include "ops/scratch.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

using Tag = hn::CappedTag<float, 16>;
constexpr std::int64_t kLanes = HWY_MAX_BYTES / sizeof(float);

// `Outputs` neighbouring pixels of 2 vectors of output channels. rows: taps rows of padded input, one a (channel, i).
template <int Outputs>
HWY_INLINE void Pixels(const float* rows, std::int64_t row_length, std::int64_t row_count, std::int64_t kernel,
                       int stride, const float* weight, std::int64_t channels, const float* bias, float* sums_out) {
  constexpr Tag d;
  hn::Vec<Tag> low[Outputs], high[Outputs];
  for (int o = 0; o < Outputs; ++o) {
    low[o] = hn::LoadU(d, bias);
    high[o] = hn::LoadU(d, bias + kLanes);
  }
  for (std::int64_t r = 0; r < row_count; ++r) {
    for (std::int64_t j = 0; j < kernel; ++j) {
      const auto w0 = hn::LoadU(d, weight), w1 = hn::LoadU(d, weight + kLanes);
      weight += channels;
      for (int o = 0; o < Outputs; ++o) {
        const auto value = hn::Set(d, rows[r * row_length + o * stride + j]);
        low[o] = hn::MulAdd(value, w0, low[o]);
        high[o] = hn::MulAdd(value, w1, high[o]);
      }
    }
  }
  const auto six = hn::Set(d, 6), zero = hn::Zero(d);
  for (int o = 0; o < Outputs; ++o) {
    hn::StoreU(hn::Min(hn::Max(low[o], zero), six), d, sums_out + o * channels);
    hn::StoreU(hn::Min(hn::Max(high[o], zero), six), d, sums_out + o * channels + kLanes);
  }
}

void StemRow(const float* rows, std::int64_t row_length, std::int64_t row_count, std::int64_t kernel, int stride,
             const float* weight, std::int64_t channels, const float* bias, std::int64_t width, float* y) {
  for (std::int64_t c = 0; c < channels; c += 2 * kLanes) {
    std::int64_t x = 0;
    for (; x + 6 <= width; x += 6) {
      Pixels<6>(rows + x * stride, row_length, row_count, kernel, stride, weight + c, channels, bias + c,
                y + x * channels + c);
    }
    for (; x < width; ++x) {
      Pixels<1>(rows + x * stride, row_length, row_count, kernel, stride, weight + c, channels, bias + c,
                y + x * channels + c);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(StemRow);

namespace {
constexpr std::int64_t kChannels = 32;  // two vectors of the widest register
std::int64_t padded(std::int64_t channels) {
  return (channels + kChannels - 1) / kChannels * kChannels;
}
}  // namespace

StemConvolution::StemConvolution(const Tensor& weight, const Tensor& bias, int stride)
    : out_(weight.size(0)),
      in_(weight.size(1)),
      kernel_(weight.size(2)),
      stride_(stride),
      weight_(Tensor::zeros({in_ * kernel_ * kernel_, padded(out_)}, DType::f32)),
      bias_(Tensor::zeros({padded(out_)}, DType::f32)) {
  GAZE_CHECK(weight.size(3) == kernel_ && bias.elements() == out_);
  const Tensor wide = weight.to_f32();
  const std::int64_t taps = in_ * kernel_ * kernel_;
  for (std::int64_t o = 0; o < out_; ++o) {
    for (std::int64_t t = 0; t < taps; ++t) {
      weight_.data<float>()[t * padded(out_) + o] = wide.data<float>()[o * taps + t];
    }
  }
  std::copy_n(bias.data<float>(), out_, bias_.data<float>());
}

void StemConvolution::run_row(const float* x, std::int64_t height, std::int64_t width, std::int64_t top,
                              std::int64_t left, std::int64_t oy, std::int64_t out_width, float* y) const {
  Scratch::Frame scratch;
  const std::int64_t row_length = (out_width - 1) * stride_ + kernel_, row_count = in_ * kernel_;
  Tensor rows = scratch.tensor({row_count, row_length}, DType::f32);
  std::fill_n(rows.data<float>(), rows.elements(), 0.0f);
  for (std::int64_t c = 0; c < in_; ++c) {
    for (std::int64_t i = 0; i < kernel_; ++i) {
      const std::int64_t iy = oy * stride_ - top + i;
      if (iy < 0 || iy >= height) continue;
      const std::int64_t count = std::min(width, row_length - left);
      std::copy_n(x + (c * height + iy) * width, count, rows.data<float>() + (c * kernel_ + i) * row_length + left);
    }
  }
  if (padded(out_) == out_) {
    HWY_DYNAMIC_DISPATCH(StemRow)
    (rows.data<float>(), row_length, row_count, kernel_, stride_, weight_.data<float>(), out_, bias_.data<float>(),
     out_width, y);
    return;
  }
  Tensor wide = scratch.tensor({out_width, padded(out_)}, DType::f32);
  HWY_DYNAMIC_DISPATCH(StemRow)
  (rows.data<float>(), row_length, row_count, kernel_, stride_, weight_.data<float>(), padded(out_),
   bias_.data<float>(), out_width, wide.data<float>());
  for (std::int64_t i = 0; i < out_width; ++i) std::copy_n(wide.data<float>() + i * padded(out_), out_, y + i * out_);
}

}  // namespace gaze
#endif
