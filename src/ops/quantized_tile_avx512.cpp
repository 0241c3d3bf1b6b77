// Many rows of activations with quantised weights: AVX-512 VNNI over a tile of unpacked weights.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_tile.h"

#define GAZE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

namespace gaze {
namespace {

constexpr std::int64_t kVectors = kRowsPerTask / kTileLanes;
static_assert(kVectors == 2);
constexpr int kRows = 6;  // of activations: 6 · 2 int32 sums, as many float ones, 2 of weights fit 32 registers

// `Rows` rows of activations from `first` on. Part: elements that share a scale.
template <int Rows, int Part, bool Minimum>
GAZE_TARGET void multiply_rows(const QuantizedTask& task, const QuantizedTile& tile, std::int64_t first) {
  const QuantizedRows& x = *task.x;
  const std::int8_t* values = x.values + first * x.stride;
  const float *x_scales = x.scales + first * x.padded, *weighted = x.weighted + first * x.padded;
  const std::int32_t* starts = task.starts + first * task.starts_stride;
  const std::int64_t parts = task.width / Part;
  __m512 sums[Rows][kVectors];
  for (auto& row : sums) {
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  }
  for (std::int64_t p = 0; p < parts; ++p) {
    __m512i dots[Rows][kVectors];
    for (int m = 0; m < Rows; ++m) {
      for (auto& dot : dots[m]) dot = _mm512_set1_epi32(starts[m * task.starts_stride + p]);
    }
    const std::uint8_t* weights = tile.values + p * Part * kRowsPerTask;
    for (int quad = 0; quad < Part / 4; ++quad) {
      const __m512i w0 = _mm512_load_si512(weights + quad * kRowsPerTask * 4);
      const __m512i w1 = _mm512_load_si512(weights + quad * kRowsPerTask * 4 + 64);
      for (int m = 0; m < Rows; ++m) {
        std::int32_t four;
        std::memcpy(&four, values + m * x.stride + p * Part + quad * 4, sizeof(four));
        const __m512i v = _mm512_set1_epi32(four);
        dots[m][0] = _mm512_dpbusd_epi32(dots[m][0], w0, v);
        dots[m][1] = _mm512_dpbusd_epi32(dots[m][1], w1, v);
      }
    }
    const std::int64_t block = p * Part / 32;
    for (int i = 0; i < kVectors; ++i) {
      const __m512 scale = _mm512_load_ps(tile.scales + p * kRowsPerTask + i * kTileLanes);
      for (int m = 0; m < Rows; ++m) {
        const __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(x_scales[m * x.padded + block]));
        sums[m][i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[m][i]), both, sums[m][i]);
      }
      if constexpr (Minimum) {
        const __m512 minimum = _mm512_load_ps(tile.minima + p * kRowsPerTask + i * kTileLanes);
        for (int m = 0; m < Rows; ++m) {
          sums[m][i] = _mm512_fnmadd_ps(minimum, _mm512_set1_ps(weighted[m * x.padded + p]), sums[m][i]);
        }
      }
    }
  }
  for (int m = 0; m < Rows; ++m) {
    for (int i = 0; i < kVectors; ++i) {
      _mm512_storeu_ps(task.out + (first + m) * task.out_stride + i * kTileLanes, sums[m][i]);
    }
  }
}

template <int Part, bool Minimum>
GAZE_TARGET void multiply_all(const QuantizedTask& task, const QuantizedTile& tile) {
  std::int64_t m = 0;
  for (; m + kRows <= task.x->rows; m += kRows) multiply_rows<kRows, Part, Minimum>(task, tile, m);
  for (; m + 2 <= task.x->rows; m += 2) multiply_rows<2, Part, Minimum>(task, tile, m);
  if (m < task.x->rows) multiply_rows<1, Part, Minimum>(task, tile, m);
}

}  // namespace

void multiply_tile_avx512(const QuantizedTask& task) {
  Scratch::Frame frame;
  const BlockTraits traits = block_traits(task.type);
  const QuantizedTile tile = unpack_tile_avx512(task, frame);
  if (traits.part == 16) return multiply_all<16, false>(task, tile);
  if (traits.minimum) return multiply_all<32, true>(task, tile);
  multiply_all<32, false>(task, tile);
}

}  // namespace gaze
