// Unpacks rows of quantised weights, sixteen at a time: each lane fetches four bytes of its own row, so what arrives
// lies already as the products want it.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"        // there too
#include <algorithm>
#include <cstddef>
#include <type_traits>

#include <immintrin.h>

#include "ops/quantized_tile.h"
#include "tensor/block_layout.h"

#define GAZE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,f16c,fma")))
#define GAZE_INLINE __attribute__((always_inline)) GAZE_TARGET inline

namespace gaze {
namespace {

using namespace block_layout;

// Sixteen rows and where their unpacked weights go.
struct Rows {
  const std::byte* first;
  __m512i offsets;  // of each row, bytes
  __mmask16 present;
  QuantizedTile to;
};

GAZE_INLINE __m512i fetch(const Rows& rows, std::int64_t at) {
  return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), rows.present, rows.offsets, rows.first + at, 1);
}
GAZE_INLINE __m512i every_byte(int value) {
  return _mm512_set1_epi8(static_cast<char>(value));
}
GAZE_INLINE __m512i low_nibbles(__m512i bytes) {
  return _mm512_and_si512(bytes, every_byte(0xF));
}
GAZE_INLINE __m512i high_nibbles(__m512i bytes) {
  return _mm512_and_si512(_mm512_srli_epi32(bytes, 4), every_byte(0xF));
}
// Bits of each byte from `bit` on that `mask` keeps, as bits 4 and up.
GAZE_INLINE __m512i upper_bits(__m512i bytes, int bit, int mask) {
  const __m512i kept = _mm512_and_si512(_mm512_srli_epi32(bytes, static_cast<unsigned>(bit)), every_byte(mask));
  return _mm512_slli_epi32(kept, 4);
}
GAZE_INLINE void put(const Rows& rows, std::int64_t quad, __m512i four) {
  _mm512_storeu_si512(rows.to.values + quad * kRowsPerTask * 4, four);
}
GAZE_INLINE __m512 half_below(__m512i words) {
  return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words));
}
GAZE_INLINE __m512 half_above(__m512i words) {
  return half_below(_mm512_srli_epi32(words, 16));
}

// Q4_0, Q4_1, Q5_0, Q5_1.
template <class Block>
GAZE_INLINE void unpack_block(const Rows& rows, std::int64_t block) {
  constexpr bool kMinimum = std::is_same_v<Block, Q4_1> || std::is_same_v<Block, Q5_1>;
  constexpr bool kFive = std::is_same_v<Block, Q5_0> || std::is_same_v<Block, Q5_1>;
  const std::int64_t at = block * static_cast<std::int64_t>(sizeof(Block));
  const __m512i head = fetch(rows, at);
  _mm512_storeu_ps(rows.to.scales + block * kRowsPerTask, half_below(head));
  if constexpr (kMinimum) {
    _mm512_storeu_ps(rows.to.minima + block * kRowsPerTask, _mm512_sub_ps(_mm512_setzero_ps(), half_above(head)));
  }
  __m512i fifth = _mm512_setzero_si512(), spread = fifth;
  if constexpr (kFive) {
    fifth = fetch(rows, at + static_cast<std::int64_t>(offsetof(Block, high)));
    // Four bits as the fifth ones of four bytes.
    const __m512i four = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    spread =
        _mm512_slli_epi32(_mm512_and_si512(_mm512_mullo_epi32(four, _mm512_set1_epi32(0x00204081)), every_byte(1)), 4);
  }
  for (int quad = 0; quad < 4; ++quad) {
    const __m512i bytes = fetch(rows, at + static_cast<std::int64_t>(offsetof(Block, low)) + 4 * quad);
    __m512i low = low_nibbles(bytes), high = high_nibbles(bytes);
    if constexpr (kFive) {  // of the number at a lane, permutexvar sees the last four bits alone
      const auto bits = static_cast<unsigned>(4 * quad);
      low = _mm512_or_si512(low, _mm512_permutexvar_epi32(_mm512_srli_epi32(fifth, bits), spread));
      high = _mm512_or_si512(high, _mm512_permutexvar_epi32(_mm512_srli_epi32(fifth, bits + 16), spread));
    }
    put(rows, 8 * block + quad, low);
    put(rows, 8 * block + 4 + quad, high);
  }
}

template <>
GAZE_INLINE void unpack_block<Q8_0>(const Rows& rows, std::int64_t block) {
  const std::int64_t at = block * static_cast<std::int64_t>(sizeof(Q8_0));
  _mm512_storeu_ps(rows.to.scales + block * kRowsPerTask, half_below(fetch(rows, at)));
  for (int quad = 0; quad < 8; ++quad) {
    put(rows, 8 * block + quad, _mm512_xor_si512(fetch(rows, at + 2 + 4 * quad), every_byte(0x80)));
  }
}

// Bits [bit, bit + count) of each lane.
GAZE_INLINE __m512i field(__m512i words, int bit, int count) {
  return _mm512_and_si512(_mm512_srli_epi32(words, static_cast<unsigned>(bit)), _mm512_set1_epi32((1 << count) - 1));
}
GAZE_INLINE __m512i joined(__m512i low, __m512i upper) {
  return _mm512_or_si512(low, _mm512_slli_epi32(upper, 4));
}

// The scales and minima of Q4_K and Q5_K.
GAZE_INLINE void unpack_parts(const Rows& rows, std::int64_t block, std::int64_t at) {
  const __m512i head = fetch(rows, at), first = fetch(rows, at + 4), second = fetch(rows, at + 8),
                third = fetch(rows, at + 12);
  const __m512 scale = half_below(head), minimum = half_above(head);
  for (int part = 0; part < 8; ++part) {
    const int bit = part % 4 * 8;
    const __m512i s = part < 4 ? field(first, bit, 6) : joined(field(third, bit, 4), field(first, bit + 6, 2));
    const __m512i m = part < 4 ? field(second, bit, 6) : joined(field(third, bit + 4, 4), field(second, bit + 6, 2));
    const std::int64_t place = (8 * block + part) * kRowsPerTask;
    _mm512_storeu_ps(rows.to.scales + place, _mm512_mul_ps(scale, _mm512_cvtepi32_ps(s)));
    _mm512_storeu_ps(rows.to.minima + place, _mm512_mul_ps(minimum, _mm512_cvtepi32_ps(m)));
  }
}

template <class Block>
GAZE_INLINE void unpack_k_block(const Rows& rows, std::int64_t block) {
  const std::int64_t at = block * static_cast<std::int64_t>(sizeof(Block));
  unpack_parts(rows, block, at);
  for (int quad = 0; quad < 8; ++quad) {
    __m512i fifth = _mm512_setzero_si512();
    if constexpr (std::is_same_v<Block, Q5_K>) {
      fifth = fetch(rows, at + static_cast<std::int64_t>(offsetof(Block, high)) + 4 * quad);
    }
    for (int part = 0; part < 8; part += 2) {
      const __m512i bytes = fetch(rows, at + static_cast<std::int64_t>(offsetof(Block, low)) + 16 * part + 4 * quad);
      __m512i low = low_nibbles(bytes), high = high_nibbles(bytes);
      if constexpr (std::is_same_v<Block, Q5_K>) {
        low = _mm512_or_si512(low, upper_bits(fifth, part, 1));
        high = _mm512_or_si512(high, upper_bits(fifth, part + 1, 1));
      }
      put(rows, 64 * block + 8 * part + quad, low);
      put(rows, 64 * block + 8 * part + 8 + quad, high);
    }
  }
}
template <>
GAZE_INLINE void unpack_block<Q4_K>(const Rows& rows, std::int64_t block) {
  unpack_k_block<Q4_K>(rows, block);
}
template <>
GAZE_INLINE void unpack_block<Q5_K>(const Rows& rows, std::int64_t block) {
  unpack_k_block<Q5_K>(rows, block);
}

template <>
GAZE_INLINE void unpack_block<Q6_K>(const Rows& rows, std::int64_t block) {
  const std::int64_t at = block * static_cast<std::int64_t>(sizeof(Q6_K));
  // The last two bytes, fetched with the two before them: behind the block may be nothing.
  const __m512 scale = half_above(fetch(rows, at + static_cast<std::int64_t>(offsetof(Q6_K, scale)) - 2));
  for (int four = 0; four < 4; ++four) {
    __m512i scales = fetch(rows, at + static_cast<std::int64_t>(offsetof(Q6_K, scales)) + 4 * four);
    for (int part = 4 * four; part < 4 * four + 4; ++part) {
      const __m512i own = _mm512_srai_epi32(_mm512_slli_epi32(scales, 24), 24);
      scales = _mm512_srli_epi32(scales, 8);
      _mm512_storeu_ps(rows.to.scales + (16 * block + part) * kRowsPerTask,
                       _mm512_mul_ps(scale, _mm512_cvtepi32_ps(own)));
    }
  }
  for (int half = 0; half < 2; ++half) {
    const std::int64_t low_at = at + static_cast<std::int64_t>(offsetof(Q6_K, low)) + 64 * half;
    const std::int64_t high_at = at + static_cast<std::int64_t>(offsetof(Q6_K, high)) + 32 * half;
    for (int quad = 0; quad < 8; ++quad) {
      const __m512i upper = fetch(rows, high_at + 4 * quad);
      const __m512i even = fetch(rows, low_at + 4 * quad), odd = fetch(rows, low_at + 32 + 4 * quad);
      const std::int64_t to = 64 * block + 32 * half + quad;
      put(rows, to, _mm512_or_si512(low_nibbles(even), upper_bits(upper, 0, 3)));
      put(rows, to + 8, _mm512_or_si512(low_nibbles(odd), upper_bits(upper, 2, 3)));
      put(rows, to + 16, _mm512_or_si512(high_nibbles(even), upper_bits(upper, 4, 3)));
      put(rows, to + 24, _mm512_or_si512(high_nibbles(odd), upper_bits(upper, 6, 3)));
    }
  }
}

template <class Block>
GAZE_TARGET void unpack_all(const QuantizedTask& task, const QuantizedTile& tile) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const std::int64_t blocks = task.row_bytes / static_cast<std::int64_t>(sizeof(Block));
  for (std::int64_t first = 0; first < kRowsPerTask; first += kTileLanes) {
    const std::int64_t count = std::clamp<std::int64_t>(task.count - first, 0, kTileLanes);
    const Rows rows{task.weights + first * task.row_bytes,
                    _mm512_mullo_epi32(lanes, _mm512_set1_epi32(static_cast<int>(task.row_bytes))),
                    static_cast<__mmask16>((1U << count) - 1),
                    {tile.values + 4 * first, tile.scales + first, tile.minima + first}};
    for (std::int64_t block = 0; block < blocks; ++block) unpack_block<Block>(rows, block);
  }
}

}  // namespace

QuantizedTile unpack_tile_avx512(const QuantizedTask& task, Scratch::Frame& frame) {
  const QuantizedTile tile{
      frame.tensor({task.width, kRowsPerTask}, DType::u8).data<std::uint8_t>(),
      frame.tensor({task.width / block_traits(task.type).part, kRowsPerTask}, DType::f32).data<float>(),
      frame.tensor({task.width / 32, kRowsPerTask}, DType::f32).data<float>()};
  switch (task.type) {
    case BlockType::q4_0:
      unpack_all<Q4_0>(task, tile);
      break;
    case BlockType::q4_1:
      unpack_all<Q4_1>(task, tile);
      break;
    case BlockType::q5_0:
      unpack_all<Q5_0>(task, tile);
      break;
    case BlockType::q5_1:
      unpack_all<Q5_1>(task, tile);
      break;
    case BlockType::q8_0:
      unpack_all<Q8_0>(task, tile);
      break;
    case BlockType::q4_k:
      unpack_all<Q4_K>(task, tile);
      break;
    case BlockType::q5_k:
      unpack_all<Q5_K>(task, tile);
      break;
    case BlockType::q6_k:
      unpack_all<Q6_K>(task, tile);
      break;
  }
  return tile;
}

}  // namespace gaze
