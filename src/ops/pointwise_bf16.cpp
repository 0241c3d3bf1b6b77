// AVX-512 BF16: vdpbf16ps multiplies pairs of bf16 and adds into float32. Highway 1.0 has no such step, hence
// intrinsics.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <cstring>

#include <immintrin.h>

#include "ops/pointwise_kernels.h"

#define GAZE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

namespace gaze {
namespace {

// 6 pixels × 4 panels keep 24 sums, 4 weights and 1 pixel pair in the 32 registers.
constexpr int kPixels = 6;
constexpr int kPanels = 4;

GAZE_TARGET inline __m512 widen(__m256i half) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

template <int Pixels, int Panels>
GAZE_TARGET inline void tile(const PointwiseCall& call, std::int64_t pixel, std::int64_t column) {
  const auto* x = static_cast<const Bf16*>(call.x) + pixel * call.x_stride;
  const std::int64_t panel_size = call.depth * kPanel;
  const Bf16* weights = reinterpret_cast<const Bf16*>(call.packed) + column / kPanel * panel_size;

  __m512 sums[Pixels][Panels];
  for (int n = 0; n < Panels; ++n) {
    const __m512 bias = _mm512_loadu_ps(call.bias + column + n * kPanel);
    for (int m = 0; m < Pixels; ++m) sums[m][n] = bias;
  }
  for (std::int64_t k = 0; k < call.depth; k += 2) {
    __m512bh w[Panels];
    for (int n = 0; n < Panels; ++n) {
      w[n] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(weights + n * panel_size + k * kPanel));
    }
    for (int m = 0; m < Pixels; ++m) {
      std::int32_t pair;
      std::memcpy(&pair, x + m * call.x_stride + k, sizeof(pair));
      const auto both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
      for (int n = 0; n < Panels; ++n) sums[m][n] = _mm512_dpbf16_ps(sums[m][n], both, w[n]);
    }
  }

  const __m512 zero = _mm512_setzero_ps(), six = _mm512_set1_ps(6);
  for (int m = 0; m < Pixels; ++m) {
    const std::int64_t row = call.y.offset(pixel + m) + column;
    for (int n = 0; n < Panels; ++n) {
      const std::int64_t at = row + n * kPanel, left = call.out - column - n * kPanel;
      const auto mask = static_cast<__mmask16>(left >= kPanel ? 0xFFFF : (1 << left) - 1);
      __m512 value = sums[m][n];
      if (call.relu6) value = _mm512_min_ps(_mm512_max_ps(value, zero), six);
      if (call.y.residual) {
        const auto* residual = static_cast<const Bf16*>(call.y.residual);
        value = _mm512_add_ps(value, widen(_mm256_maskz_loadu_epi16(mask, residual + at)));
      }
      if (call.y.f32) {
        _mm512_mask_storeu_ps(call.y.f32 + at, mask, value);
      } else {
        _mm256_mask_storeu_epi16(call.y.bf16 + at, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
      }
    }
  }
}

template <int Panels>
GAZE_TARGET void column_of_tiles(const PointwiseCall& call, std::int64_t column) {
  std::int64_t pixel = 0;
  for (; pixel + kPixels <= call.pixels; pixel += kPixels) tile<kPixels, Panels>(call, pixel, column);
  switch (call.pixels - pixel) {
    case 5:
      return tile<5, Panels>(call, pixel, column);
    case 4:
      return tile<4, Panels>(call, pixel, column);
    case 3:
      return tile<3, Panels>(call, pixel, column);
    case 2:
      return tile<2, Panels>(call, pixel, column);
    case 1:
      return tile<1, Panels>(call, pixel, column);
    default:
      return;
  }
}

}  // namespace

void pointwise_bf16(const PointwiseCall& call) {
  std::int64_t column = 0;
  for (; column + kPanels * kPanel <= call.out + kPanel - 1; column += kPanels * kPanel) {
    column_of_tiles<kPanels>(call, column);
  }
  switch ((call.out - column + kPanel - 1) / kPanel) {
    case 3:
      return column_of_tiles<3>(call, column);
    case 2:
      return column_of_tiles<2>(call, column);
    case 1:
      return column_of_tiles<1>(call, column);
    default:
      return;
  }
}

GAZE_TARGET void round_pixels_bf16(const float* from, std::int64_t count, Bf16* to) {
  std::int64_t i = 0;
  for (; i < count; i += kPanel) {
    const std::int64_t left = count - i;
    const auto mask = static_cast<__mmask16>(left >= kPanel ? 0xFFFF : (1 << left) - 1);
    const __m512 value = _mm512_maskz_loadu_ps(mask, from + i);
    _mm256_mask_storeu_epi16(to + i, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
  }
}

}  // namespace gaze
