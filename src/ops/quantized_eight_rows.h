// What AVX2's kernels of quantised weights do with eight rows at once; for those files alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "ops/quantized_group.h"

#define GAZE_TARGET __attribute__((target("avx2,f16c,fma")))
#define GAZE_INLINE __attribute__((always_inline)) GAZE_TARGET inline

namespace gaze::eight_rows {

struct Rows {
  const std::byte* first;
  std::int64_t row_bytes;
};

GAZE_INLINE __m256i every_byte(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}
GAZE_INLINE __m256i low_nibbles(__m256i bytes) {
  return _mm256_and_si256(bytes, every_byte(0xF));
}
GAZE_INLINE __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), every_byte(0xF));
}
// Four bytes of each row a vector, of the sixteen at `at`.
GAZE_INLINE void turn(const Rows& rows, std::int64_t at, __m256i (&quads)[4]) {
  const auto two = [&](std::int64_t row) __attribute__((always_inline, target("avx2,f16c,fma"))) {
    const std::byte* from = rows.first + row * rows.row_bytes + at;
    const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 4 * rows.row_bytes));
    const __m128i own = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(own), upper, 1);
  };
  const __m256i a = two(0), b = two(1), c = two(2), d = two(3);
  const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
  const __m256i ab_next = _mm256_unpackhi_epi32(a, b), cd_next = _mm256_unpackhi_epi32(c, d);
  quads[0] = _mm256_unpacklo_epi64(ab, cd);
  quads[1] = _mm256_unpackhi_epi64(ab, cd);
  quads[2] = _mm256_unpacklo_epi64(ab_next, cd_next);
  quads[3] = _mm256_unpackhi_epi64(ab_next, cd_next);
}

// Bits [first, first + 4) of each lane as the fifth ones of its four bytes.
GAZE_INLINE __m256i fifth_bits(__m256i words, int first) {
  const auto byte = static_cast<char>(first / 8);
  const __m256i places =
      _mm256_add_epi8(_mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0, 0x04040404, 0x08080808, 0x0C0C0C0C),
                      _mm256_set1_epi8(byte));
  const __m256i wanted = _mm256_set1_epi32(first % 8 == 0 ? 0x08040201 : static_cast<int>(0x80402010));
  const __m256i found = _mm256_and_si256(_mm256_shuffle_epi8(words, places), wanted);
  return _mm256_and_si256(_mm256_cmpeq_epi8(found, wanted), every_byte(16));
}

}  // namespace gaze::eight_rows
