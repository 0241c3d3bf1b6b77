#include "tensor/quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/parallel.h"
#include "tensor/block_layout.h"

namespace gaze {
namespace {

using block_layout::Half;
using block_layout::Q4_1;
using block_layout::Q4_K;
using block_layout::Q6_K;
using block_layout::Q8_0;

constexpr int kPart = 32;  // numbers that share a scale

// Returns what was stored.
float store(float value, Half& to) {
  const F16 half = to_f16(std::clamp(value, -65504.0f, 65504.0f));
  std::memcpy(&to, &half, sizeof(half));
  return to_float(half);
}

// Rows block by block: encode(x, block) fills one from block_elements(type) numbers.
template <class Block, class Encode>
BlockTensor quantise(const Tensor& matrix, BlockType type, const Encode& encode) {
  const std::int64_t rows = matrix.size(0), width = matrix.size(1), elements = block_elements(type);
  GAZE_CHECK(matrix.shape().rank() == 2 && width % elements == 0);
  const auto row_bytes = static_cast<std::size_t>(width / elements) * sizeof(Block);
  Tensor memory = Tensor::empty({rows, static_cast<std::int64_t>(row_bytes)}, DType::u8);
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    const Tensor numbers = matrix.rows(begin, end).to_f32();
    auto* block = reinterpret_cast<Block*>(memory.raw() + static_cast<std::size_t>(begin) * row_bytes);
    const float* const last = numbers.data<float>() + numbers.elements();
    for (const float* x = numbers.data<float>(); x != last; x += elements) encode(x, *block++);
  });
  return {type, {rows, width}, {memory.raw(), memory.bytes()}, std::make_shared<Tensor>(memory)};
}

void encode_q8_0(const float* x, Q8_0& block) {
  float most = 0;
  for (int j = 0; j < kPart; ++j) most = std::fmax(most, std::fabs(x[j]));
  const float inverse = most > 0 ? 127 / most : 0;
  store(most / 127, block.scale);
  for (int j = 0; j < kPart; ++j) block.values[j] = static_cast<std::int8_t>(std::lround(x[j] * inverse));
}

// x ≈ scale · q + minimum with q in 0 … 15.
struct Line {
  float scale = 0, minimum = 0;
};

// q of x, as a whole number. Without calls, so that loops become vectors; what is no number becomes 0.
float nearest(float x, float inverse, float minimum) {
  constexpr float kRound = 3 << 22;  // adding it leaves no bits behind the point
  const float q = (x - minimum) * inverse, positive = q > 0 ? q : 0;
  return (positive < 15 ? positive : 15) + kRound - kRound;
}
float inverse_of(const Line& line) {
  return line.scale > 0 ? 1 / line.scale : 0;
}

float error_of(const float* x, const Line& line) {
  const float inverse = inverse_of(line);
  float off[kPart], error = 0;
  for (int j = 0; j < kPart; ++j) off[j] = line.scale * nearest(x[j], inverse, line.minimum) + line.minimum - x[j];
  for (const float each : off) error += each * each;
  return error;
}

// The line through what the numbers become under another one, by least squares.
Line refined(const float* x, const Line& line) {
  const float inverse = inverse_of(line);
  float q[kPart], q_sum = 0, q_squares = 0, x_sum = 0, products = 0;
  for (int j = 0; j < kPart; ++j) q[j] = nearest(x[j], inverse, line.minimum);
  for (int j = 0; j < kPart; ++j) q_sum += q[j], q_squares += q[j] * q[j], x_sum += x[j], products += q[j] * x[j];
  const float determinant = kPart * q_squares - q_sum * q_sum;
  if (!(determinant > 0)) return line;
  const float scale = (kPart * products - q_sum * x_sum) / determinant;
  return {scale, (x_sum - scale * q_sum) / kPart};
}

// The best of a few; none above zero has its minimum there where `below` is asked for (Q4_K subtracts minima).
Line best_line(const float* x, bool below) {
  constexpr int kTries = 8;
  auto [least, most] = std::minmax_element(x, x + kPart);
  const float low = below ? std::min(*least, 0.0f) : *least, range = *most - low;
  Line best{range / 15, low};
  if (!(range > 0)) return {0, low};
  float least_error = error_of(x, best);
  for (int i = 0; i < kTries; ++i) {  // of the range some 0.72 … 1.07
    const float kept = 1.07f - 0.05f * static_cast<float>(i), middle = low + range / 2;
    Line line = refined(x, {range * kept / 15, below && low == 0 ? 0 : middle - range * kept / 2});
    if (below) line.minimum = std::min(line.minimum, 0.0f);
    if (!(line.scale > 0)) continue;
    if (const float error = error_of(x, line); error < least_error) least_error = error, best = line;
  }
  return best;
}

void encode_q4_1(const float* x, Q4_1& block) {
  const Line wanted = best_line(x, false);
  const Line line{store(wanted.scale, block.scale), store(wanted.minimum, block.minimum)};
  const auto q = [&, inverse = inverse_of(line)](float of) {
    return static_cast<int>(nearest(of, inverse, line.minimum));
  };
  for (int j = 0; j < 16; ++j) block.low[j] = static_cast<std::uint8_t>(q(x[j]) | q(x[j + 16]) << 4);
}

// The eight lines' scales and minima become six bits of two shared numbers.
void encode_q4_k(const float* x, Q4_K& block) {
  constexpr int kParts = 8, kMost = 63;
  Line lines[kParts];
  float scale = 0, minimum = 0;
  for (int part = 0; part < kParts; ++part) {
    lines[part] = best_line(x + part * kPart, true);
    scale = std::max(scale, lines[part].scale);
    minimum = std::max(minimum, -lines[part].minimum);
  }
  scale = store(scale / kMost, block.scale);
  minimum = store(minimum / kMost, block.minimum);
  std::fill(std::begin(block.scales), std::end(block.scales), std::uint8_t{0});
  for (int part = 0; part < kParts; ++part) {
    const auto six_bits = [&](float value, float unit) {
      return unit > 0 ? std::clamp(static_cast<int>(std::lround(value / unit)), 0, kMost) : 0;
    };
    const int s = six_bits(lines[part].scale, scale), m = six_bits(-lines[part].minimum, minimum);
    if (part < 4) {
      block.scales[part] = static_cast<std::uint8_t>(block.scales[part] | s);
      block.scales[part + 4] = static_cast<std::uint8_t>(block.scales[part + 4] | m);
    } else {
      block.scales[part + 4] = static_cast<std::uint8_t>((s & 0xF) | (m & 0xF) << 4);
      block.scales[part - 4] = static_cast<std::uint8_t>(block.scales[part - 4] | (s >> 4) << 6);
      block.scales[part] = static_cast<std::uint8_t>(block.scales[part] | (m >> 4) << 6);
    }
    const Line line{scale * static_cast<float>(s), -minimum * static_cast<float>(m)};
    const float inverse = inverse_of(line);
    std::uint8_t* low = block.low + part / 2 * kPart;
    for (int j = 0; j < kPart; ++j) {
      const auto q = static_cast<int>(nearest(x[part * kPart + j], inverse, line.minimum));
      low[j] = static_cast<std::uint8_t>(part % 2 == 0 ? q : low[j] | q << 4);
    }
  }
}

// Of a few scales for x ≈ scale · q, q in −32 … 31, the one whose numbers lie nearest.
float best_scale(const float* x, int count) {
  constexpr int kTries = 6;
  float most = 0, best = 0, least_error = std::numeric_limits<float>::infinity();
  for (int j = 0; j < count; ++j) most = std::fmax(most, std::fabs(x[j]));
  if (!(most > 0) || !std::isfinite(most)) return 0;
  for (int i = 0; i < kTries; ++i) {
    const float inverse = (29 + 0.75f * static_cast<float>(i)) / most;
    float products = 0, squares = 0, x_squares = 0;
    for (int j = 0; j < count; ++j) {
      const float q = std::clamp(std::nearbyint(x[j] * inverse), -32.0f, 31.0f);
      products += x[j] * q, squares += q * q, x_squares += x[j] * x[j];
    }
    if (!(squares > 0)) continue;
    const float error = x_squares - products * products / squares;  // of the scale by least squares
    if (error < least_error) least_error = error, best = products / squares;
  }
  return best;
}

// Sixteen scales of sixteen numbers each, in eight bits of a shared one.
void encode_q6_k(const float* x, Q6_K& block) {
  constexpr int kParts = 16, kCount = 16;
  float scales[kParts], most = 0;
  for (int part = 0; part < kParts; ++part) {
    scales[part] = best_scale(x + part * kCount, kCount);
    most = std::max(most, scales[part]);
  }
  const float unit = store(most / 127, block.scale);
  std::fill(std::begin(block.low), std::end(block.low), std::uint8_t{0});
  std::fill(std::begin(block.high), std::end(block.high), std::uint8_t{0});
  for (int part = 0; part < kParts; ++part) {
    const long steps = unit > 0 ? std::lround(std::min(scales[part] / unit, 127.0f)) : 0;
    block.scales[part] = static_cast<std::int8_t>(steps);
    const float scale = unit * static_cast<float>(steps), inverse = scale > 0 ? 1 / scale : 0;
    for (int j = 0; j < kCount; ++j) {
      const int i = part * kCount + j, half = i / 128, quarter = i % 128 / 32, place = i % 32;
      const float turned = x[i] * inverse;
      const int q =
          std::isfinite(turned) ? static_cast<int>(std::clamp(std::nearbyint(turned), -32.0f, 31.0f)) + 32 : 32;
      std::uint8_t& low = block.low[half * 64 + quarter % 2 * 32 + place];
      std::uint8_t& high = block.high[half * 32 + place];
      low = static_cast<std::uint8_t>(low | (q & 0xF) << (quarter / 2 * 4));
      high = static_cast<std::uint8_t>(high | (q >> 4) << (2 * quarter));
    }
  }
}

}  // namespace

BlockTensor quantise_q8_0(const Tensor& matrix) {
  return quantise<Q8_0>(matrix, BlockType::q8_0, encode_q8_0);
}

BlockTensor quantise_six_bits(const Tensor& matrix) {
  if (matrix.size(1) % block_elements(BlockType::q6_k) != 0) return quantise_q8_0(matrix);
  return quantise<Q6_K>(matrix, BlockType::q6_k, encode_q6_k);
}

BlockTensor quantise_four_bits(const Tensor& matrix) {
  if (matrix.size(1) % block_elements(BlockType::q4_k) == 0) {
    return quantise<Q4_K>(matrix, BlockType::q4_k, encode_q4_k);
  }
  return quantise<Q4_1>(matrix, BlockType::q4_1, encode_q4_1);
}

}  // namespace gaze
