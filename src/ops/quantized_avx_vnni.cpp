// Products with quantised weights by AVX-VNNI: the 256-bit dot products of CPUs without AVX-512.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <algorithm>
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_eight_rows.h"
#include "ops/quantized_group.h"
#include "ops/quantized_kernels.h"
#include "tensor/block_layout.h"

#define GAZE_TARGET __attribute__((target("avx2,f16c,fma,avxvnni")))
#define GAZE_LAMBDA __attribute__((always_inline, target("avx2,f16c,fma,avxvnni")))
#define GAZE_INLINE __attribute__((always_inline)) GAZE_TARGET inline

namespace gaze {
namespace {

using namespace eight_rows;

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

// For one row of activations.
template <int Bits>
class Dots {
 public:
  GAZE_INLINE explicit Dots(std::int32_t start) : start_(start) {}

  GAZE_INLINE void add(int row, __m256i weights, __m256i values) {
    if constexpr (Bits == 8) weights = _mm256_xor_si256(weights, every_byte(0x80));
    sums_[row] = _mm256_dpbusd_avx_epi32(sums_[row], weights, values);
  }
  GAZE_INLINE __m256i total() const {
    const __m256i first = plus(_mm256_unpacklo_epi32(sums_[0], sums_[1]), _mm256_unpackhi_epi32(sums_[0], sums_[1]));
    const __m256i second = plus(_mm256_unpacklo_epi32(sums_[2], sums_[3]), _mm256_unpackhi_epi32(sums_[2], sums_[3]));
    const __m256i all = plus(_mm256_unpacklo_epi64(first, second), _mm256_unpackhi_epi64(first, second));
    return plus(all, _mm256_set1_epi32(start_));
  }

 private:
  GAZE_INLINE static __m256i plus(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }

  __m256i sums_[4] = {};
  std::int32_t start_;
};

}  // namespace
}  // namespace gaze

#include "ops/quantized_avx2-inl.h"

namespace gaze {

void multiply_avx_vnni(const QuantizedTask& task) {
  multiply_any(task);
}

}  // namespace gaze
