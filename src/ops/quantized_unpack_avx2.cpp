// Unpacks eight rows of quantised weights at a time: sixteen bytes of each, turned so that what four elements need
// stands side by side for all rows.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <cstring>
#include <type_traits>

#include "ops/quantized_eight_rows.h"
#include "tensor/block_layout.h"

namespace gaze {
namespace {

using namespace block_layout;
using namespace eight_rows;

constexpr std::int64_t kQuadBytes = 4 * kGroupRows;
constexpr std::int64_t kHeads = kStretch / 32 * kGroupRows;  // of the smallest blocks

GAZE_INLINE void put(std::uint8_t* values, std::int64_t quad, __m256i four) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(values + quad * kQuadBytes), four);
}

// A few bytes of each row of each block, side by side: [block][row]. Read back as vectors only once all are written,
// for a load that meets single stores on their way waits for them.
template <class T>
inline void collect(const Rows& rows, std::int64_t blocks, std::int64_t block_bytes, std::int64_t at, T* to) {
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::byte* from = rows.first + b * block_bytes + at;
    for (std::int64_t row = 0; row < kGroupRows; ++row) {
      std::memcpy(to + b * kGroupRows + row, from + row * rows.row_bytes, sizeof(T));
    }
  }
}
GAZE_INLINE __m256 widen(const std::uint16_t* halves) {
  return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
}

// Q4_0, Q4_1, Q5_0, Q5_1.
template <class Block>
GAZE_TARGET void unpack_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
  constexpr bool kMinimum = std::is_same_v<Block, Q4_1> || std::is_same_v<Block, Q5_1>;
  constexpr bool kFive = std::is_same_v<Block, Q5_0> || std::is_same_v<Block, Q5_1>;
  constexpr std::int64_t kBytes = sizeof(Block), kLow = offsetof(Block, low);
  const std::int64_t blocks = elements / 32;
  alignas(32) std::uint16_t scales[kHeads], minima[kHeads];
  alignas(32) std::uint32_t fifth[kHeads];
  collect(rows, blocks, kBytes, 0, scales);
  if constexpr (kMinimum) collect(rows, blocks, kBytes, 2, minima);
  if constexpr (kFive) collect(rows, blocks, kBytes, offsetof(Block, high), fifth);
  for (std::int64_t b = 0; b < blocks; ++b) {
    __m256i quads[4];
    turn(rows, b * kBytes + kLow, quads);
    __m256i bits = _mm256_setzero_si256();
    if constexpr (kFive) bits = _mm256_load_si256(reinterpret_cast<const __m256i*>(fifth + b * kGroupRows));
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
      __m256i low = low_nibbles(quads[quad]), high = high_nibbles(quads[quad]);
      if constexpr (kFive) {
        low = _mm256_or_si256(low, fifth_bits(bits, 4 * quad));
        high = _mm256_or_si256(high, fifth_bits(bits, 4 * quad + 16));
      }
      put(to.values, 8 * b + quad, low);
      put(to.values, 8 * b + 4 + quad, high);
    }
  }
  for (std::int64_t i = 0; i < blocks * kGroupRows; i += kGroupRows) {
    _mm256_store_ps(to.scales + i, widen(scales + i));
    if constexpr (kMinimum) _mm256_store_ps(to.minima + i, _mm256_sub_ps(_mm256_setzero_ps(), widen(minima + i)));
  }
}

GAZE_TARGET void unpack_bytes(const Rows& rows, std::int64_t elements, bool split, QuantizedGroup& to) {
  constexpr std::int64_t kBytes = sizeof(Q8_0);
  const std::int64_t blocks = elements / 32;
  alignas(32) std::uint16_t scales[kHeads];
  collect(rows, blocks, kBytes, 0, scales);
  for (std::int64_t i = 0; i < 2 * blocks; ++i) {  // halves of blocks
    __m256i quads[4];
    turn(rows, i / 2 * kBytes + 2 + i % 2 * 16, quads);
    for (int quad = 0; quad < 4; ++quad) {
      const __m256i values = _mm256_xor_si256(quads[quad], every_byte(0x80));
      put(to.values, 4 * i + quad, split ? low_nibbles(values) : values);
      if (split) put(to.values + kStretch * kGroupRows, 4 * i + quad, high_nibbles(values));
    }
  }
  for (std::int64_t i = 0; i < blocks * kGroupRows; i += kGroupRows) _mm256_store_ps(to.scales + i, widen(scales + i));
}

// Bits [bit, bit + count) of each lane.
GAZE_INLINE __m256i field(__m256i words, int bit, int count) {
  return _mm256_and_si256(_mm256_srli_epi32(words, bit), _mm256_set1_epi32((1 << count) - 1));
}
GAZE_INLINE __m256i joined(__m256i low, __m256i upper) {
  return _mm256_or_si256(low, _mm256_slli_epi32(upper, 4));
}
// The low or the high halves of the lanes' words.
GAZE_INLINE __m256 halves(__m256i words, bool high) {
  const __m256i own = high ? _mm256_srli_epi32(words, 16) : field(words, 0, 16);
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(own, own), 0xD8);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}

// The scales and minima of Q4_K and Q5_K: the first sixteen bytes of a block.
GAZE_INLINE void unpack_parts(const Rows& rows, std::int64_t at, std::int64_t block, QuantizedGroup& to) {
  __m256i words[4];
  turn(rows, at, words);
  const __m256 scale = halves(words[0], false), minimum = halves(words[0], true);
  const __m256i first = words[1], second = words[2], third = words[3];
#pragma GCC unroll 8
  for (int part = 0; part < 8; ++part) {
    const int bit = part % 4 * 8;
    const __m256i s = part < 4 ? field(first, bit, 6) : joined(field(third, bit, 4), field(first, bit + 6, 2));
    const __m256i m = part < 4 ? field(second, bit, 6) : joined(field(third, bit + 4, 4), field(second, bit + 6, 2));
    const std::int64_t place = (8 * block + part) * kGroupRows;
    _mm256_store_ps(to.scales + place, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(s)));
    _mm256_store_ps(to.minima + place, _mm256_mul_ps(minimum, _mm256_cvtepi32_ps(m)));
  }
}

// Bits of each byte from `bit` on that `mask` keeps, as bits 4 and up.
GAZE_INLINE __m256i upper_bits(__m256i bytes, int bit, int mask) {
  return _mm256_slli_epi32(_mm256_and_si256(_mm256_srli_epi32(bytes, bit), every_byte(mask)), 4);
}

// Q4_K, Q5_K.
template <class Block>
GAZE_TARGET void unpack_k_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
  constexpr bool kFive = std::is_same_v<Block, Q5_K>;
  constexpr std::int64_t kBytes = sizeof(Block), kLow = offsetof(Block, low);
  for (std::int64_t b = 0; b < elements / 256; ++b) {
    unpack_parts(rows, b * kBytes, b, to);
    std::uint8_t* values = to.values + b * 64 * kQuadBytes;
    for (int half = 0; half < 2; ++half) {  // of each part
      __m256i fifth[4] = {};
      if constexpr (kFive) turn(rows, b * kBytes + static_cast<std::int64_t>(offsetof(Block, high)) + 16 * half, fifth);
      for (int part = 0; part < 8; part += 2) {
        __m256i quads[4];
        turn(rows, b * kBytes + kLow + 16 * part + 16 * half, quads);
        for (int quad = 0; quad < 4; ++quad) {
          __m256i low = low_nibbles(quads[quad]), high = high_nibbles(quads[quad]);
          if constexpr (kFive) {
            low = _mm256_or_si256(low, upper_bits(fifth[quad], part, 1));
            high = _mm256_or_si256(high, upper_bits(fifth[quad], part + 1, 1));
          }
          put(values, 8 * part + 4 * half + quad, low);
          put(values, 8 * part + 8 + 4 * half + quad, high);
        }
      }
    }
  }
}

GAZE_TARGET void unpack_q6_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
  constexpr std::int64_t kBytes = sizeof(Q6_K);
  alignas(32) std::uint16_t scales[kHeads];
  collect(rows, elements / 256, kBytes, offsetof(Q6_K, scale), scales);
  for (std::int64_t b = 0; b < elements / 256; ++b) {
    std::uint8_t* values = to.values + b * 64 * kQuadBytes;
    for (int half = 0; half < 2; ++half) {
      for (int side = 0; side < 2; ++side) {  // of each 32
        const std::int64_t low = b * kBytes + static_cast<std::int64_t>(offsetof(Q6_K, low)) + 64 * half + 16 * side;
        const std::int64_t high = b * kBytes + static_cast<std::int64_t>(offsetof(Q6_K, high)) + 32 * half + 16 * side;
        __m256i even[4], odd[4], upper[4];
        turn(rows, low, even);
        turn(rows, low + 32, odd);
        turn(rows, high, upper);
        for (int quad = 0; quad < 4; ++quad) {
          const int place = 32 * half + 4 * side + quad;
          put(values, place, _mm256_or_si256(low_nibbles(even[quad]), upper_bits(upper[quad], 0, 3)));
          put(values, place + 8, _mm256_or_si256(low_nibbles(odd[quad]), upper_bits(upper[quad], 2, 3)));
          put(values, place + 16, _mm256_or_si256(high_nibbles(even[quad]), upper_bits(upper[quad], 4, 3)));
          put(values, place + 24, _mm256_or_si256(high_nibbles(odd[quad]), upper_bits(upper[quad], 6, 3)));
        }
      }
    }
    __m256i words[4];
    turn(rows, b * kBytes + static_cast<std::int64_t>(offsetof(Q6_K, scales)), words);
    const __m256 scale = widen(scales + b * kGroupRows);
    for (int part = 0; part < 16; ++part) {
      __m256i& four = words[part / 4];
      const __m256i own = _mm256_srai_epi32(_mm256_slli_epi32(four, 24), 24);
      four = _mm256_srli_epi32(four, 8);
      _mm256_store_ps(to.scales + (16 * b + part) * kGroupRows, _mm256_mul_ps(scale, _mm256_cvtepi32_ps(own)));
    }
  }
}

}  // namespace

void unpack_group_avx2(BlockType type, const std::byte* first, std::int64_t row_bytes, std::int64_t elements,
                       bool split, QuantizedGroup& to) {
  const Rows rows{first, row_bytes};
  switch (type) {
    case BlockType::q4_0:
      return unpack_blocks<Q4_0>(rows, elements, to);
    case BlockType::q4_1:
      return unpack_blocks<Q4_1>(rows, elements, to);
    case BlockType::q5_0:
      return unpack_blocks<Q5_0>(rows, elements, to);
    case BlockType::q5_1:
      return unpack_blocks<Q5_1>(rows, elements, to);
    case BlockType::q8_0:
      return unpack_bytes(rows, elements, split, to);
    case BlockType::q4_k:
      return unpack_k_blocks<Q4_K>(rows, elements, to);
    case BlockType::q5_k:
      return unpack_k_blocks<Q5_K>(rows, elements, to);
    case BlockType::q6_k:
      return unpack_q6_blocks(rows, elements, to);
  }
}

}  // namespace gaze
