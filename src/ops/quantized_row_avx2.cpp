// One row of activations with rows of quantised weights: eight of them are unpacked in registers and multiplied on the
// spot, as fast as the weights come from memory.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <cstring>
#include <type_traits>

#include "ops/quantized_eight_rows.h"
#include "ops/quantized_kernels.h"
#include "tensor/block_layout.h"

namespace gaze {
namespace {

using namespace block_layout;
using namespace eight_rows;

// Two bytes of each row.
GAZE_INLINE __m256 scales_of(const Rows& rows, std::int64_t at) {
  const auto half = [&](std::int64_t row) __attribute__((always_inline)) {
    std::uint16_t bits;
    std::memcpy(&bits, rows.first + row * rows.row_bytes + at, sizeof(bits));
    return static_cast<short>(bits);
  };
  return _mm256_cvtph_ps(_mm_setr_epi16(half(0), half(1), half(2), half(3), half(4), half(5), half(6), half(7)));
}

GAZE_INLINE __m256i words_of(const Rows& rows, std::int64_t at) {
  const auto word = [&](std::int64_t row) __attribute__((always_inline)) {
    int bits;
    std::memcpy(&bits, rows.first + row * rows.row_bytes + at, sizeof(bits));
    return bits;
  };
  return _mm256_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7));
}

// Σ of the four products of each row, in pairs of 16 bits.
GAZE_INLINE __m256i products(__m256i weights, const std::int8_t* values) {
  std::int32_t four;
  std::memcpy(&four, values, sizeof(four));
  return _mm256_maddubs_epi16(weights, _mm256_set1_epi32(four));
}

// Q4_0, Q4_1, Q5_0, Q5_1: the products of a block, which 16 bits hold four of (of five bits) or eight (of four).
template <class Block>
GAZE_INLINE __m256i block_products(const Rows& rows, std::int64_t at, const std::int8_t* values) {
  constexpr bool kFive = std::is_same_v<Block, Q5_0> || std::is_same_v<Block, Q5_1>;
  __m256i quads[4], low = _mm256_setzero_si256(), high = low, bits = low;
  turn(rows, at + static_cast<std::int64_t>(offsetof(Block, low)), quads);
  if constexpr (kFive) bits = words_of(rows, at + static_cast<std::int64_t>(offsetof(Block, high)));
#pragma GCC unroll 4
  for (int quad = 0; quad < 4; ++quad) {
    __m256i lower = low_nibbles(quads[quad]), upper = high_nibbles(quads[quad]);
    if constexpr (kFive) {
      lower = _mm256_or_si256(lower, fifth_bits(bits, 4 * quad));
      upper = _mm256_or_si256(upper, fifth_bits(bits, 4 * quad + 16));
    }
    low = _mm256_add_epi16(low, products(lower, values + 4 * quad));
    high = _mm256_add_epi16(high, products(upper, values + 16 + 4 * quad));
  }
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (kFive) return _mm256_add_epi32(_mm256_madd_epi16(low, ones), _mm256_madd_epi16(high, ones));
  return _mm256_madd_epi16(_mm256_add_epi16(low, high), ones);
}

// Q8_0: as bytes from 0 to 255, in two parts of four bits.
template <>
GAZE_INLINE __m256i block_products<Q8_0>(const Rows& rows, std::int64_t at, const std::int8_t* values) {
  __m256i low = _mm256_setzero_si256(), high = low;
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    __m256i quads[4];
    turn(rows, at + static_cast<std::int64_t>(offsetof(Q8_0, values)) + 16 * half, quads);
#pragma GCC unroll 4
    for (int quad = 0; quad < 4; ++quad) {
      const __m256i bytes = _mm256_xor_si256(quads[quad], every_byte(0x80));
      low = _mm256_add_epi16(low, products(low_nibbles(bytes), values + 16 * half + 4 * quad));
      high = _mm256_add_epi16(high, products(high_nibbles(bytes), values + 16 * half + 4 * quad));
    }
  }
  return _mm256_add_epi32(_mm256_madd_epi16(low, _mm256_set1_epi16(1)), _mm256_madd_epi16(high, _mm256_set1_epi16(16)));
}

// The rows that follow lie behind these: what is asked of memory ahead is spread over the work.
template <class Block>
GAZE_TARGET void multiply_eight(const QuantizedTask& task, const Rows& rows, float* out) {
  constexpr std::int64_t kBytes = sizeof(Block);
  constexpr bool kMinimum = std::is_same_v<Block, Q4_1> || std::is_same_v<Block, Q5_1>;
  const QuantizedRows& x = *task.x;
  const char* ahead = reinterpret_cast<const char*>(rows.first);
  __m256 sums = _mm256_setzero_ps();
  for (std::int64_t b = 0; b < task.width / 32; ++b) {
    const std::uintptr_t there = reinterpret_cast<std::uintptr_t>(ahead) +
                                 static_cast<std::uintptr_t>(kGroupRows * (rows.row_bytes + b * kBytes));
    for (std::uintptr_t line = 0; line < kGroupRows * kBytes; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(there + line), _MM_HINT_T0);
    }
    const std::int64_t at = b * kBytes;
    const __m256i dot =
        _mm256_add_epi32(block_products<Block>(rows, at, x.values + 32 * b), _mm256_set1_epi32(task.starts[b]));
    const __m256 scale = _mm256_mul_ps(scales_of(rows, at), _mm256_broadcast_ss(x.scales + b));
    sums = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, sums);
    if constexpr (kMinimum) {  // as stored: added
      sums = _mm256_fmadd_ps(scales_of(rows, at + 2), _mm256_broadcast_ss(x.weighted + b), sums);
    }
  }
  _mm256_storeu_ps(out, sums);
}

template <class Block>
bool multiply_groups(const QuantizedTask& task) {
  for (std::int64_t n = 0; n < task.count; n += kGroupRows) {
    multiply_eight<Block>(task, {task.weights + n * task.row_bytes, task.row_bytes}, task.out + n);
  }
  return true;
}

}  // namespace

bool multiply_row_avx2(const QuantizedTask& task) {
  if (task.x->rows != 1 || task.count % kGroupRows != 0) return false;
  switch (task.type) {
    case BlockType::q4_0:
      return multiply_groups<Q4_0>(task);
    case BlockType::q4_1:
      return multiply_groups<Q4_1>(task);
    case BlockType::q5_0:
      return multiply_groups<Q5_0>(task);
    case BlockType::q5_1:
      return multiply_groups<Q5_1>(task);
    case BlockType::q8_0:
      return multiply_groups<Q8_0>(task);
    default:
      return false;
  }
}

}  // namespace gaze
