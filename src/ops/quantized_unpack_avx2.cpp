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

GAZE_AVX2_INLINE void put(std::uint8_t* values, std::int64_t quad, __m256i four) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(values + quad * kQuadBytes), four);
}

// Q4_0, Q4_1, Q5_0, Q5_1.
template <class Block>
GAZE_AVX2 void unpack_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
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

GAZE_AVX2 void unpack_bytes(const Rows& rows, std::int64_t elements, bool split, QuantizedGroup& to) {
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

// The scales and minima of Q4_K and Q5_K: the first sixteen bytes of a block.
GAZE_AVX2_INLINE void put_parts(const Rows& rows, std::int64_t at, std::int64_t block, QuantizedGroup& to) {
  __m256i words[4];
  turn(rows, at, words);
  const __m256 scale = halves(words[0], false), minimum = halves(words[0], true);
  const Parts parts = unpack_parts(words);
#pragma GCC unroll 8
  for (int part = 0; part < 8; ++part) {
    const std::int64_t place = (8 * block + part) * kGroupRows;
    _mm256_store_ps(to.scales + place, _mm256_mul_ps(scale, byte_of(parts.scales[part / 4], part % 4)));
    _mm256_store_ps(to.minima + place, _mm256_mul_ps(minimum, byte_of(parts.minima[part / 4], part % 4)));
  }
}

// Q4_K, Q5_K.
template <class Block>
GAZE_AVX2 void unpack_k_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
  constexpr bool kFive = std::is_same_v<Block, Q5_K>;
  constexpr std::int64_t kBytes = sizeof(Block), kLow = offsetof(Block, low);
  for (std::int64_t b = 0; b < elements / 256; ++b) {
    put_parts(rows, b * kBytes, b, to);
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

GAZE_AVX2 void unpack_q6_blocks(const Rows& rows, std::int64_t elements, QuantizedGroup& to) {
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
  const Rows rows(first, row_bytes);
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
