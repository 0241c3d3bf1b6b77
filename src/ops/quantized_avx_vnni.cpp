// Products with quantised weights by AVX-VNNI: the 256-bit dot products of CPUs without AVX-512.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <algorithm>
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_group.h"
#include "ops/quantized_kernels.h"

#define GAZE_TARGET __attribute__((target("avx2,f16c,fma,avxvnni")))

namespace gaze {
namespace {

struct Dot {
  static constexpr bool kSplit = false;

  template <class F, int R, int V>
  __attribute__((always_inline)) GAZE_TARGET static inline void run(const QuantizedGroup* groups, std::int64_t at,
                                                                    const std::int8_t* values, std::int64_t stride,
                                                                    const std::int32_t* starts,
                                                                    std::int64_t starts_stride, __m256i (&dots)[R][V]) {
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) {
      for (int v = 0; v < V; ++v) dots[m][v] = _mm256_set1_epi32(starts[m * starts_stride]);
    }
#pragma GCC unroll 8
    for (int quad = 0; quad < F::kPart / 4; ++quad) {
      __m256i weights[V];
      for (int v = 0; v < V; ++v) {
        const std::uint8_t* from = groups[v].values + (at + 4 * quad) * kGroupRows;
        weights[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
      }
#pragma GCC unroll 4
      for (int m = 0; m < R; ++m) {
        std::int32_t four;
        std::memcpy(&four, values + m * stride + at + 4 * quad, sizeof(four));
        const __m256i broadcast = _mm256_set1_epi32(four);
        for (int v = 0; v < V; ++v) {
          dots[m][v] = _mm256_dpbusd_avx_epi32(dots[m][v], weights[v], broadcast);
        }
      }
    }
  }
};

}  // namespace
}  // namespace gaze

#include "ops/quantized_avx2-inl.h"

namespace gaze {

void multiply_avx_vnni(const QuantizedTask& task) {
  multiply_any(task);
}

}  // namespace gaze
