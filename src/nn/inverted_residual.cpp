#include "nn/inverted_residual.h"

#include <algorithm>
#include <array>

#include "ops/depthwise.h"
#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze {
namespace {

// A middle up to this size is computed whole, which serves small pictures with many channels; a larger one a row at a
// time, in a ring of as many rows as the kernel sees.
constexpr std::int64_t kWholeMiddleBytes = 1 << 20;
constexpr int kLargestKernel = 5;

Tensor taps_first(const Tensor& weight) {  // [middle, k, k] → [k·k, middle]
  const std::int64_t channels = weight.size(0), taps = weight.size(1) * weight.size(2);
  const Tensor wide = weight.to_f32();
  Tensor turned = Tensor::empty({taps, channels}, DType::f32);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t t = 0; t < taps; ++t) {
      turned.data<float>()[t * channels + c] = wide.data<float>()[c * taps + t];
    }
  }
  return turned;
}

const std::byte* at(const Tensor& x, std::int64_t element) {
  return x.raw() + static_cast<std::size_t>(element) * size_of(x.dtype());
}

Pointwise::Output output_at(Tensor& y, std::int64_t element, std::int64_t stride) {
  Pointwise::Output output{.stride = stride};
  if (y.dtype() == DType::f32) output.f32 = y.data<float>() + element;
  if (y.dtype() == DType::bf16) output.bf16 = y.data<Bf16>() + element;
  return output;
}

}  // namespace

std::int64_t same_padding_before(std::int64_t size, int kernel, int stride) {
  const std::int64_t outputs = (size + stride - 1) / stride;
  return std::max<std::int64_t>((outputs - 1) * stride + kernel - size, 0) / 2;
}

InvertedResidual::InvertedResidual(const InvertedResidualWeights& weights, DType dtype)
    : in_(weights.expand_weight.defined() ? weights.expand_weight.size(1) : weights.depthwise_weight.size(0)),
      middle_(weights.depthwise_weight.size(0)),
      kernel_(static_cast<int>(weights.depthwise_weight.size(1))),
      stride_(weights.stride),
      residual_(weights.stride == 1 && weights.project_weight.size(0) == in_),
      depthwise_weight_(taps_first(weights.depthwise_weight)),
      depthwise_bias_(weights.depthwise_bias.to_f32()),
      project_(weights.project_weight, weights.project_bias, /*relu6=*/false, dtype) {
  GAZE_CHECK(kernel_ <= kLargestKernel && weights.depthwise_weight.size(2) == kernel_);
  if (weights.expand_weight.defined()) {
    expand_.emplace(weights.expand_weight, weights.expand_bias, /*relu6=*/true, dtype);
  }
}

void InvertedResidual::run(const Tensor& x, Tensor& y) const {
  const std::int64_t height = x.size(0), width = x.size(1);
  const std::int64_t out_height = output_size(height), out_width = output_size(width);
  const std::int64_t top = same_padding_before(height, kernel_, stride_);
  const std::int64_t left = same_padding_before(width, kernel_, stride_);
  const std::int64_t padded_width = std::max((out_width - 1) * stride_ + kernel_, left + width);
  const std::int64_t row_size = padded_width * middle_;
  const bool whole = height * row_size * static_cast<std::int64_t>(sizeof(float)) <= kWholeMiddleBytes;
  const std::int64_t ring_rows = whole ? height : kernel_;
  const std::int64_t strip = whole ? out_height : 1;

  Scratch::Frame frame;
  Tensor ring = frame.tensor({ring_rows, padded_width, middle_}, DType::f32);
  Tensor filtered = frame.tensor({out_width, middle_}, DType::f32);  // before it is rounded
  Tensor narrow = frame.tensor({strip, out_width, middle_}, dtype());
  for (std::int64_t r = 0; r < ring_rows; ++r) {  // what lies left and right of the picture is zero
    float* row = ring.data<float>() + r * row_size;
    std::fill_n(row, left * middle_, 0.0f);
    std::fill(row + (left + width) * middle_, row + row_size, 0.0f);
  }

  std::int64_t expanded = 0;  // rows of the middle that are there
  const auto expand_to = [&](std::int64_t end) {
    while (expanded < end) {
      const std::int64_t rows = whole ? end - expanded : 1;
      const std::int64_t to = expanded % ring_rows * row_size + left * middle_;
      if (expand_) {
        Pointwise::Output output = output_at(ring, to, middle_);
        output.row_pixels = width;
        output.row_stride = row_size;
        expand_->run(at(x, expanded * width * in_), rows * width, in_, output);
      } else {
        for (std::int64_t r = 0; r < rows; ++r) {
          Tensor row = ring.reshaped({ring.elements()}).rows(to + r * row_size, to + r * row_size + width * middle_);
          convert(x.reshaped({height, width * in_}).rows(expanded + r, expanded + r + 1), row);
        }
      }
      expanded += rows;
    }
  };

  const DepthwiseRow depthwise{kernel_, stride_, middle_, depthwise_weight_.data<float>(),
                               depthwise_bias_.data<float>()};
  for (std::int64_t first = 0; first < out_height; first += strip) {
    for (std::int64_t oy = first; oy < first + strip; ++oy) {
      const std::int64_t begin = oy * stride_ - top;
      expand_to(whole ? height : std::min(begin + kernel_, height));
      std::array<const float*, kLargestKernel> rows{};
      for (int i = 0; i < kernel_; ++i) {
        const std::int64_t iy = begin + i;
        const bool inside = 0 <= iy && iy < height;
        rows[static_cast<std::size_t>(i)] = inside ? ring.data<float>() + iy % ring_rows * row_size : nullptr;
      }
      const std::int64_t row = (oy - first) * out_width * middle_;
      if (dtype() == DType::f32) {
        depthwise_row(depthwise, rows.data(), out_width, narrow.data<float>() + row);
      } else {
        depthwise_row(depthwise, rows.data(), out_width, filtered.data<float>());
        Pointwise::round(filtered.data<float>(), out_width * middle_, narrow.data<Bf16>() + row);
      }
    }
    const std::int64_t to = first * out_width * out_channels();
    Pointwise::Output output = output_at(y, to, out_channels());
    if (residual_) output.residual = at(x, to);
    project_.run(narrow.raw(), strip * out_width, middle_, output);
  }
}

}  // namespace gaze
