// Products with quantised weights by AVX2's 16-bit sums of byte products.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <algorithm>
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_eight_rows.h"
#include "ops/quantized_group.h"
#include "ops/quantized_kernels.h"
#include "tensor/block_layout.h"

#define GAZE_TARGET __attribute__((target("avx2,f16c,fma")))
#define GAZE_LAMBDA __attribute__((always_inline, target("avx2,f16c,fma")))
#define GAZE_INLINE __attribute__((always_inline)) GAZE_TARGET inline

namespace gaze {
namespace {

// A product of bytes is added to its neighbour's in 16 bits, which saturate: values of eight bits are multiplied as two
// of four. Of smaller ones so many sums follow each other in 16 bits as surely fit there.
struct Dot {
  static constexpr bool kSplit = true;

  template <class F, int R, int V>
  __attribute__((always_inline)) GAZE_TARGET static inline void run(const QuantizedGroup* groups, std::int64_t at,
                                                                    const std::int8_t* values, std::int64_t stride,
                                                                    const std::int32_t* starts,
                                                                    std::int64_t starts_stride, __m256i (&dots)[R][V]) {
    constexpr int kPlanes = F::kBits == 8 ? 2 : 1, kBits = F::kBits / kPlanes;
    constexpr int kQuads = F::kPart / 4, kHeld = kBits == 4 ? 8 : kBits == 5 ? 4 : 2;
    static_assert(kQuads % kHeld == 0 && kHeld * 2 * ((1 << kBits) - 1) * 127 < (1 << 15));
#pragma GCC unroll 2
    for (int plane = 0; plane < kPlanes; ++plane) {
#pragma GCC unroll 4
      for (int first = 0; first < kQuads; first += kHeld) {
        __m256i sums[R][V];
#pragma GCC unroll 8
        for (int quad = first; quad < first + kHeld; ++quad) {
          __m256i weights[V];
          for (int v = 0; v < V; ++v) {
            const std::uint8_t* from = groups[v].values + plane * kStretch * kGroupRows + (at + 4 * quad) * kGroupRows;
            weights[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
          }
#pragma GCC unroll 4
          for (int m = 0; m < R; ++m) {
            std::int32_t four;
            std::memcpy(&four, values + m * stride + at + 4 * quad, sizeof(four));
            const __m256i broadcast = _mm256_set1_epi32(four);
            for (int v = 0; v < V; ++v) {
              const __m256i product = _mm256_maddubs_epi16(weights[v], broadcast);
              sums[m][v] = quad == first ? product : _mm256_add_epi16(sums[m][v], product);
              asm("" : "+x"(sums[m][v]));  // in this order: a tree of sums, as GCC makes of it, needs more registers
            }
          }
        }
        const __m256i factor = _mm256_set1_epi16(plane == 0 ? 1 : 16);
#pragma GCC unroll 4
        for (int m = 0; m < R; ++m) {
          for (int v = 0; v < V; ++v) {
            const __m256i sum = _mm256_madd_epi16(sums[m][v], factor);
            dots[m][v] = plane == 0 && first == 0 ? sum : _mm256_add_epi32(dots[m][v], sum);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int m = 0; m < R; ++m) {
      const __m256i start = _mm256_set1_epi32(starts[m * starts_stride]);
      for (int v = 0; v < V; ++v) dots[m][v] = _mm256_add_epi32(dots[m][v], start);
    }
  }
};

// For one row of activations. In 16 bits fit the sums of eight products of weights of four and five bits, of four of
// six bits; of eight bits, multiplied by their sizes, of two: 2 · 128 · 127.
template <int Bits>
class Dots {
  static_assert(Bits == 8 || (Bits == 6 ? 4 : 8) * ((1 << Bits) - 1) * 127 < 1 << 15);

 public:
  GAZE_INLINE explicit Dots(std::int32_t start) : start_(Bits == 8 ? 0 : start) {}

  GAZE_INLINE void add(int row, __m256i weights, __m256i values) {
    __m256i sum;
    if constexpr (Bits == 8) {
      sum = wide(_mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights)));
    } else {
      sum = _mm256_maddubs_epi16(weights, values);
    }
    sums_[row] = begun_[row] ? plus(sums_[row], sum) : sum;
    begun_[row] = true;
  }
  GAZE_INLINE __m256i total() const {
    __m256i first = plus(_mm256_unpacklo_epi32(sums_[0], sums_[1]), _mm256_unpackhi_epi32(sums_[0], sums_[1]));
    __m256i second = plus(_mm256_unpacklo_epi32(sums_[2], sums_[3]), _mm256_unpackhi_epi32(sums_[2], sums_[3]));
    if constexpr (Bits != 8) first = wide(first), second = wide(second);
    const __m256i all = _mm256_add_epi32(_mm256_unpacklo_epi64(first, second), _mm256_unpackhi_epi64(first, second));
    return _mm256_add_epi32(all, _mm256_set1_epi32(start_));
  }

 private:
  GAZE_INLINE static __m256i plus(__m256i a, __m256i b) {
    return Bits == 8 ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
  }
  GAZE_INLINE static __m256i wide(__m256i words) { return _mm256_madd_epi16(words, _mm256_set1_epi16(1)); }

  __m256i sums_[4];
  bool begun_[4] = {};
  std::int32_t start_;
};

}  // namespace
}  // namespace gaze

#include "ops/quantized_avx2-inl.h"

namespace gaze {

void multiply_avx2(const QuantizedTask& task) {
  multiply_any(task);
}

}  // namespace gaze
