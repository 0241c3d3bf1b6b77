#include "nn/inverted_residual.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "ops/elementwise.h"
#include "ops/isa.h"

namespace gaze {
namespace {

Tensor noise(Shape shape, float scale, std::mt19937& random) {
  Tensor tensor = Tensor::empty(shape, DType::f32);
  std::normal_distribution<float> normal(0, scale);
  for (float& value : tensor.values<float>()) value = normal(random);
  return tensor;
}

// The block written down step by step, as the paper has it.
Tensor reference(const InvertedResidualWeights& w, const Tensor& x) {
  const auto relu6 = [](float v) { return std::min(std::max(v, 0.0f), 6.0f); };
  const std::int64_t height = x.size(0), width = x.size(1), in = x.size(2), middle = w.depthwise_weight.size(0);
  const std::int64_t kernel = w.depthwise_weight.size(1), out = w.project_weight.size(0), s = w.stride;
  const std::int64_t oh = (height + s - 1) / s, ow = (width + s - 1) / s;
  const std::int64_t top = same_padding_before(height, static_cast<int>(kernel), w.stride);
  const std::int64_t left = same_padding_before(width, static_cast<int>(kernel), w.stride);
  std::vector<float> wide(static_cast<std::size_t>(height * width * middle));
  for (std::int64_t p = 0; p < height * width; ++p) {
    for (std::int64_t m = 0; m < middle; ++m) {
      float sum = w.expand_weight.defined() ? w.expand_bias.data<float>()[m] : x.data<float>()[p * in + m];
      for (std::int64_t c = 0; w.expand_weight.defined() && c < in; ++c) {
        sum += x.data<float>()[p * in + c] * w.expand_weight.data<float>()[m * in + c];
      }
      wide[static_cast<std::size_t>(p * middle + m)] = w.expand_weight.defined() ? relu6(sum) : sum;
    }
  }
  Tensor y = Tensor::zeros({oh, ow, out}, DType::f32);
  for (std::int64_t oy = 0; oy < oh; ++oy) {
    for (std::int64_t ox = 0; ox < ow; ++ox) {
      float* to = y.data<float>() + (oy * ow + ox) * out;
      for (std::int64_t o = 0; o < out; ++o) {
        to[o] = w.project_bias.data<float>()[o];
        if (s == 1 && in == out) to[o] += x.data<float>()[(oy * width + ox) * in + o];
      }
      for (std::int64_t m = 0; m < middle; ++m) {
        float sum = w.depthwise_bias.data<float>()[m];
        for (std::int64_t i = 0; i < kernel; ++i) {
          for (std::int64_t j = 0; j < kernel; ++j) {
            const std::int64_t iy = oy * s - top + i, ix = ox * s - left + j;
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            sum += wide[static_cast<std::size_t>((iy * width + ix) * middle + m)] *
                   w.depthwise_weight.data<float>()[(m * kernel + i) * kernel + j];
          }
        }
        for (std::int64_t o = 0; o < out; ++o) to[o] += relu6(sum) * w.project_weight.data<float>()[o * middle + m];
      }
    }
  }
  return y;
}

struct Case {
  std::int64_t height, width, in, middle, out;
  int kernel, stride;
  bool expand;
};

class InvertedResidualTest : public testing::TestWithParam<Case> {};

TEST_P(InvertedResidualTest, EqualsTheStepByStepReference) {
  const Case c = GetParam();
  std::mt19937 random(7);
  InvertedResidualWeights weights;
  const auto gain = [](std::int64_t fan_in) { return 1.5f / std::sqrt(static_cast<float>(fan_in)); };
  if (c.expand) {
    weights.expand_weight = noise({c.middle, c.in}, gain(c.in), random);
    weights.expand_bias = noise({c.middle}, 0.5, random);
  }
  weights.depthwise_weight = noise({c.middle, c.kernel, c.kernel}, gain(c.kernel * c.kernel), random);
  weights.depthwise_bias = noise({c.middle}, 0.5, random);
  weights.project_weight = noise({c.out, c.middle}, gain(c.middle), random);
  weights.project_bias = noise({c.out}, 0.5, random);
  weights.stride = c.stride;
  const Tensor x = noise({c.height, c.width, c.in}, 1, random);
  const Tensor expected = reference(weights, x);

  for (const DType dtype : {DType::f32, DType::bf16}) {
    if (dtype == DType::bf16 && !cpu_features().avx512_bf16) continue;
    const InvertedResidual block(weights, dtype);
    Tensor given = Tensor::empty(x.shape(), block.dtype());
    convert(x, given);
    Tensor y = Tensor::empty(expected.shape(), block.dtype());
    block.run(given, y);
    const Tensor got = y.to_f32();
    double error = 0, norm = 0;
    for (std::int64_t i = 0; i < got.elements(); ++i) {
      const double difference = got.data<float>()[i] - expected.data<float>()[i];
      error += difference * difference;
      norm += expected.data<float>()[i] * expected.data<float>()[i];
    }
    EXPECT_LT(std::sqrt(error / norm), block.dtype() == DType::f32 ? 1e-6 : 1e-2);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, InvertedResidualTest,
                         testing::Values(Case{9, 9, 16, 96, 16, 3, 1, true}, Case{9, 9, 16, 96, 24, 5, 2, true},
                                         Case{10, 7, 22, 50, 22, 5, 1, true}, Case{8, 11, 34, 34, 18, 3, 1, false},
                                         Case{1, 1, 2, 6, 2, 5, 1, true}, Case{2, 3, 4, 20, 6, 3, 2, true},
                                         // above the size up to which the middle is computed whole
                                         Case{65, 65, 10, 72, 10, 3, 1, true}, Case{66, 65, 10, 72, 14, 5, 2, true},
                                         Case{130, 130, 20, 20, 14, 3, 1, false}));

}  // namespace
}  // namespace gaze
