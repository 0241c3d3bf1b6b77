#include "ops/reference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cached_numbers.h"

namespace gaze::reference {
namespace {

// f(input row, output row) for every row.
template <class F>
Tensor by_row(const Tensor& x, const F& f) {
  const Tensor wide = x.to_f32();
  Tensor y = Tensor::empty(x.shape(), DType::f32);
  const std::int64_t width = x.size(-1);
  for (std::int64_t at = 0; at < x.elements(); at += width) f(wide.data<float>() + at, y.data<float>() + at, width);
  return y;
}

}  // namespace

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::relu6:
      return std::min(std::max(x, 0.0), 6.0);
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

Tensor matmul(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  const Tensor a = x.to_f32(), b = weight.to_f32(), c = bias.defined() ? bias.to_f32() : Tensor();
  const std::int64_t depth = b.size(1), columns = b.size(0), rows = a.elements() / depth;
  Tensor y = Tensor::empty({rows, columns}, DType::f32);
  for (std::int64_t m = 0; m < rows; ++m) {
    for (std::int64_t n = 0; n < columns; ++n) {
      double sum = c.defined() ? c.data<float>()[n] : 0;
      for (std::int64_t k = 0; k < depth; ++k) {
        sum += double{a.data<float>()[m * depth + k]} * b.data<float>()[n * depth + k];
      }
      y.data<float>()[m * columns + n] = static_cast<float>(activate(activation, sum));
    }
  }
  return y;
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  return by_row(x, [&](const float* from, float* to, std::int64_t n) {
    double mean = 0, variance = 0;
    for (std::int64_t i = 0; i < n; ++i) mean += from[i] / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) variance += (from[i] - mean) * (from[i] - mean) / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      const double normal = (from[i] - mean) / std::sqrt(variance + epsilon);
      to[i] = static_cast<float>(normal * weight.data<float>()[i] + bias.data<float>()[i]);
    }
  });
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double epsilon) {
  return by_row(x, [&](const float* from, float* to, std::int64_t n) {
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) squares += double{from[i]} * from[i] / static_cast<double>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      to[i] = static_cast<float>(from[i] / std::sqrt(squares + epsilon) * weight.data<float>()[i]);
    }
  });
}

Tensor l2_normalize(const Tensor& x) {
  return by_row(x, [](const float* from, float* to, std::int64_t n) {
    double squares = 0;
    for (std::int64_t i = 0; i < n; ++i) squares += double{from[i]} * from[i];
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(squares > 0 ? from[i] / std::sqrt(squares) : 0);
  });
}

Tensor softmax(const Tensor& x) {
  return by_row(x, [](const float* from, float* to, std::int64_t n) {
    const double largest = *std::max_element(from, from + n);
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += std::exp(from[i] - largest);
    for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(std::exp(from[i] - largest) / sum);
  });
}

Tensor attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key,
                 const HeadColumns& value, std::int64_t keys, std::span<const std::int32_t> key_lengths) {
  const Tensor q = query.tensor.to_f32(), k = key.tensor.to_f32(), v = value.tensor.to_f32();
  const std::int64_t batch = q.size(0), queries = q.size(1), size = shape.head_size;
  Tensor out = Tensor::empty({batch, queries, shape.heads * size}, DType::f32);
  const auto at = [](const Tensor& t, const HeadColumns& columns, std::int64_t b, std::int64_t row, std::int64_t i) {
    return double{t.data<float>()[(b * t.size(1) + row) * t.size(2) + columns.offset + i]};
  };
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      const std::int64_t kh = h / (shape.heads / shape.key_heads);
      for (std::int64_t i = 0; i < queries; ++i) {
        std::int64_t visible = key_lengths.empty() ? keys : key_lengths[static_cast<std::size_t>(b)];
        if (shape.causal) visible = std::min(visible, keys - queries + i + 1);
        std::vector<double> weights;
        double largest = -INFINITY, sum = 0;
        for (std::int64_t j = 0; j < visible; ++j) {
          double score = 0;
          for (std::int64_t d = 0; d < size; ++d)
            score += at(q, query, b, i, h * size + d) * at(k, key, b, j, kh * size + d);
          weights.push_back(score * shape.scale);
          largest = std::max(largest, weights.back());
        }
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (std::int64_t d = 0; d < size; ++d) {
          double mean = 0;
          for (std::int64_t j = 0; j < visible; ++j) {
            mean += weights[static_cast<std::size_t>(j)] / sum * at(v, value, b, j, kh * size + d);
          }
          out.data<float>()[((b * queries + i) * shape.heads + h) * size + d] = static_cast<float>(mean);
        }
      }
    }
  }
  return out;
}

Tensor from_cache(const Tensor& cached, std::int64_t head_size) {
  if (cached.dtype() != DType::i8) return cached.to_f32();
  const std::int64_t stored = cached_size(DType::i8, head_size), heads = cached.elements() / stored;
  Tensor numbers = Tensor::empty({heads * stored / cached.size(-1), cached.size(-1) / stored * head_size}, DType::f32);
  for (std::int64_t h = 0; h < heads; ++h) {
    const std::int8_t* from = cached.data<std::int8_t>() + h * stored;
    const auto* scales = reinterpret_cast<const Bf16*>(from + head_size + head_size % 2);
    for (std::int64_t i = 0; i < head_size; ++i) {
      numbers.data<float>()[h * head_size + i] = static_cast<float>(from[i]) * to_float(scales[i / kCacheGroup]);
    }
  }
  return numbers;
}

Tensor cached_attention(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values) {
  const Tensor q = query.to_f32(), k = from_cache(keys, shape.head_size), v = from_cache(values, shape.head_size);
  const auto rows = static_cast<std::int64_t>(shape.lengths.size());
  const std::int64_t slots = keys.size(1), size = shape.head_size, group = shape.heads / shape.key_heads;
  Tensor out = Tensor::empty({rows, shape.heads * size}, DType::f32);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      const auto at = [&](std::int64_t p) {
        const std::int64_t slot = shape.slots[static_cast<std::size_t>(r * shape.capacity + p)];
        return ((p * slots + slot) * shape.key_heads + h / group) * size;
      };
      const std::int64_t length = shape.lengths[static_cast<std::size_t>(r)];
      std::vector<double> weights;
      double largest = -INFINITY, sum = 0;
      for (std::int64_t p = 0; p < length; ++p) {
        double score = 0;
        for (std::int64_t i = 0; i < size; ++i) {
          score += double{q.data<float>()[r * q.size(1) + h * size + i]} * k.data<float>()[at(p) + i];
        }
        weights.push_back(score * shape.scale);
        largest = std::max(largest, weights.back());
      }
      for (double& weight : weights) sum += weight = std::exp(weight - largest);
      for (std::int64_t i = 0; i < size; ++i) {
        double mean = 0;
        for (std::int64_t p = 0; p < length; ++p) {
          mean += weights[static_cast<std::size_t>(p)] / sum * v.data<float>()[at(p) + i];
        }
        out.data<float>()[(r * shape.heads + h) * size + i] = static_cast<float>(mean);
      }
    }
  }
  return out;
}

}  // namespace gaze::reference
