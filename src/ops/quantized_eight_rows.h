// What AVX2's kernels of quantised weights do with eight rows at once; for those files alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_group.h"

#define GAZE_AVX2 __attribute__((target("avx2,f16c,fma")))
#define GAZE_AVX2_INLINE __attribute__((always_inline)) GAZE_AVX2 inline
#define GAZE_AVX2_LAMBDA __attribute__((always_inline, target("avx2,f16c,fma")))

namespace gaze::eight_rows {

// A place in each of the rows: addressed so that moving on moves two registers, not eight.
class Rows {
 public:
  Rows(const std::byte* first, std::int64_t row_bytes)
      : first_(first), fifth_(first + 4 * row_bytes), row_bytes_(row_bytes), thrice_(3 * row_bytes) {}

  GAZE_AVX2_INLINE const std::byte* at(int row, std::int64_t offset) const {
    const std::byte* from = (row < 4 ? first_ : fifth_) + offset;
    return row % 4 == 3 ? from + thrice_ : from + row % 4 * row_bytes_;
  }
  GAZE_AVX2_INLINE void advance(std::int64_t bytes) {
    first_ += bytes;
    fifth_ += bytes;
    asm("" : "+r"(first_), "+r"(fifth_));  // GCC would compute every address anew
  }

 private:
  const std::byte *first_, *fifth_;
  std::int64_t row_bytes_, thrice_;
};

GAZE_AVX2_INLINE __m256i every_byte(int value) {
  return _mm256_set1_epi8(static_cast<char>(value));
}
GAZE_AVX2_INLINE __m256i low_nibbles(__m256i bytes) {
  return _mm256_and_si256(bytes, every_byte(0xF));
}
GAZE_AVX2_INLINE __m256i high_nibbles(__m256i bytes) {
  return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), every_byte(0xF));
}
// Sixteen bytes of row `row` and of the fourth one after it.
GAZE_AVX2_INLINE __m256i two_rows(const Rows& rows, int row, std::int64_t at) {
  const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows.at(row + 4, at)));
  const __m128i own = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows.at(row, at)));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(own), upper, 1);
}
// Four bytes of each row a vector, of the sixteen at `at`.
GAZE_AVX2_INLINE void turn(const Rows& rows, std::int64_t at, __m256i (&quads)[4]) {
  const __m256i a = two_rows(rows, 0, at), b = two_rows(rows, 1, at), c = two_rows(rows, 2, at),
                d = two_rows(rows, 3, at);
  const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
  const __m256i ab_next = _mm256_unpackhi_epi32(a, b), cd_next = _mm256_unpackhi_epi32(c, d);
  quads[0] = _mm256_unpacklo_epi64(ab, cd);
  quads[1] = _mm256_unpackhi_epi64(ab, cd);
  quads[2] = _mm256_unpacklo_epi64(ab_next, cd_next);
  quads[3] = _mm256_unpackhi_epi64(ab_next, cd_next);
}

// A few bytes of each row of each block, side by side: [block][row]. Read back as vectors only once all are written,
// for a load that meets single stores on their way waits for them. Row after row: of neighbours that are stored
// together GCC would build vectors, which costs shuffles.
template <class T>
GAZE_AVX2_INLINE void collect(const Rows& rows, std::int64_t blocks, std::int64_t block_bytes, std::int64_t at, T* to) {
#pragma GCC unroll 8
  for (int row = 0; row < kGroupRows; ++row) {
    const std::byte* from = rows.at(row, at);
#pragma GCC unroll 4
    for (std::int64_t b = 0; b < blocks; ++b) std::memcpy(to + b * kGroupRows + row, from + b * block_bytes, sizeof(T));
  }
}
GAZE_AVX2_INLINE __m256 widen(const std::uint16_t* halves) {
  return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
}

// Bits [first, first + 4) of each lane as the fifth ones of its four bytes.
GAZE_AVX2_INLINE __m256i fifth_bits(__m256i words, int first) {
  const auto byte = static_cast<char>(first / 8);
  const __m256i places =
      _mm256_add_epi8(_mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0, 0x04040404, 0x08080808, 0x0C0C0C0C),
                      _mm256_set1_epi8(byte));
  const __m256i wanted = _mm256_set1_epi32(first % 8 == 0 ? 0x08040201 : static_cast<int>(0x80402010));
  const __m256i found = _mm256_and_si256(_mm256_shuffle_epi8(words, places), wanted);
  return _mm256_and_si256(_mm256_cmpeq_epi8(found, wanted), every_byte(16));
}

// Bits of each byte from `bit` on that `mask` keeps, as bits 4 and up.
GAZE_AVX2_INLINE __m256i upper_bits(__m256i bytes, int bit, int mask) {
  const __m256i placed = bit < 4 ? _mm256_slli_epi16(bytes, 4 - bit) : _mm256_srli_epi16(bytes, bit - 4);
  return _mm256_and_si256(placed, every_byte(mask << 4));
}

// The six bits of scales and of minima of parts 0–3 and 4–7 of Q4_K and Q5_K, a byte each, of what `turn` made of the
// first sixteen bytes of a block (block_layout::unpack is the reference).
struct Parts {
  __m256i scales[2], minima[2];
};
GAZE_AVX2_INLINE __m256i six_bits(__m256i low, __m256i upper) {
  return _mm256_or_si256(low, _mm256_and_si256(_mm256_srli_epi16(upper, 2), every_byte(0x30)));
}
GAZE_AVX2_INLINE Parts unpack_parts(const __m256i (&words)[4]) {
  const __m256i six = every_byte(0x3F);
  return {{_mm256_and_si256(words[1], six), six_bits(low_nibbles(words[3]), words[1])},
          {_mm256_and_si256(words[2], six), six_bits(high_nibbles(words[3]), words[2])}};
}
// Byte `index` of each lane, which is below 128, as a number of its own.
GAZE_AVX2_INLINE __m256 byte_of(__m256i words, int index) {
  const __m256i picked = _mm256_shuffle_epi8(
      words, _mm256_add_epi32(_mm256_setr_epi32(static_cast<int>(0x80808000), static_cast<int>(0x80808004),
                                                static_cast<int>(0x80808008), static_cast<int>(0x8080800C),
                                                static_cast<int>(0x80808000), static_cast<int>(0x80808004),
                                                static_cast<int>(0x80808008), static_cast<int>(0x8080800C)),
                              _mm256_set1_epi32(index)));
  return _mm256_cvtepi32_ps(picked);
}
// The low or the high halves of the lanes' words.
GAZE_AVX2_INLINE __m256 halves(__m256i words, bool high) {
  const __m256i own = high ? _mm256_srli_epi32(words, 16) : _mm256_and_si256(words, _mm256_set1_epi32(0xFFFF));
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(own, own), 0xD8);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}

}  // namespace gaze::eight_rows
