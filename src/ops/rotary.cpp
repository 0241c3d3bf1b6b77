#include "ops/rotary.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rotary.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

void RotateHalves(const float* turns, std::size_t half, float* head) {
  ForVectors(half, [&](auto d, std::size_t i) HWY_ATTR {
    const auto cosine = hn::LoadU(d, turns + i), sine = hn::LoadU(d, turns + half + i);
    const auto x = hn::LoadU(d, head + i), y = hn::LoadU(d, head + half + i);
    hn::StoreU(hn::Sub(hn::Mul(x, cosine), hn::Mul(y, sine)), d, head + i);
    hn::StoreU(hn::Add(hn::Mul(y, cosine), hn::Mul(x, sine)), d, head + half + i);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(RotateHalves);

namespace {

void rotate_adjacent(const float* turns, std::size_t half, float* head) {
  for (std::size_t i = 0; i < half; ++i) {
    const float x = head[2 * i], y = head[2 * i + 1];
    head[2 * i] = x * turns[i] - y * turns[half + i];
    head[2 * i + 1] = y * turns[i] + x * turns[half + i];
  }
}

}  // namespace

void rotary_turns(std::span<const float> frequencies, std::span<const std::int32_t> positions, float scale,
                  Tensor& turns) {
  const auto count = static_cast<std::int64_t>(frequencies.size());
  GAZE_CHECK(turns.size(0) == static_cast<std::int64_t>(positions.size()) && turns.size(1) == 2 * count);
  float* const to = turns.data<float>();
  parallel_ranges(turns.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < count; ++i) {
        // The product in float32, as the reference's.
        const float angle =
            static_cast<float>(positions[static_cast<std::size_t>(row)]) * frequencies[static_cast<std::size_t>(i)];
        to[2 * row * count + i] = std::cos(angle) * scale;
        to[2 * row * count + count + i] = std::sin(angle) * scale;
      }
    }
  });
}

void rotate(RotaryPairs pairs, const Tensor& turns, std::int64_t offset, std::int64_t heads, std::int64_t head_size,
            Tensor& x) {
  const std::int64_t rows = x.size(0), width = x.size(1);
  GAZE_CHECK(turns.size(0) == rows && turns.size(1) == head_size && head_size % 2 == 0);
  GAZE_CHECK(offset >= 0 && offset + heads * head_size <= width);
  const auto half = static_cast<std::size_t>(head_size / 2);
  float* const values = x.data<float>();
  const float* const angles = turns.data<float>();
  parallel_ranges(rows, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t head = 0; head < heads; ++head) {
        float* const at = values + row * width + offset + head * head_size;
        if (pairs == RotaryPairs::halves) {
          HWY_DYNAMIC_DISPATCH(RotateHalves)(angles + row * head_size, half, at);
        } else {
          rotate_adjacent(angles + row * head_size, half, at);
        }
      }
    }
  });
}

}  // namespace gaze
#endif
