// One row of activations with rows of quantised weights: AVX-512 VNNI, as fast as the weights come from memory.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"        // there too
#include <cstring>

#include <immintrin.h>

#include "ops/quantized_kernels.h"
#include "tensor/block_layout.h"

#define GAZE_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")))
#define GAZE_LAMBDA __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c,fma")))
#define GAZE_INLINE __attribute__((always_inline)) GAZE_TARGET inline

namespace gaze {
namespace {

using namespace block_layout;

// Rows of weights at a time: they share what is loaded of the activations.
constexpr int kRows = 4;

// One row of activations, from one place on.
struct Activations {
  const std::int8_t* values;
  const float *scales, *weighted;
  const std::int32_t* starts;
};

GAZE_INLINE __m512i load(const void* from) {
  return _mm512_loadu_si512(from);
}
// Asks memory for what lies where `Bytes` bytes of the next rows do. Rows that are read side by side follow each other,
// so each one's own continuation is on its way already. As a number: the address may lie behind the weights.
template <std::int64_t Bytes>
GAZE_INLINE void prefetch(const std::byte* at, std::int64_t ahead) {
  const std::uintptr_t there = reinterpret_cast<std::uintptr_t>(at) + static_cast<std::uintptr_t>(ahead);
  for (std::uintptr_t line = 0; line < Bytes; line += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(there + line), _MM_HINT_T0);
  }
}
GAZE_INLINE __m512i nibbles() {
  return _mm512_set1_epi8(0xF);
}
// 0 0 0 0 1 1 1 1 2 2 2 2 3 3 3 3, and 0 × 8, 1 × 8.
GAZE_INLINE __m512i each_four() {
  return _mm512_srli_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 2);
}
GAZE_INLINE __m512i each_eight() {
  return _mm512_srli_epi32(each_four(), 1);
}
// The same numbers in one lane of four only: what must not count four times.
constexpr __mmask16 kFirstOfFour = 0x1111, kFirstOfEight = 0x0101;

// The half precision number at byte `First` of each of four blocks (or two), as floats in the lanes that `each` says.
template <class Block, int First>
GAZE_INLINE __m512 halves(const std::byte* blocks, __m512i each) {
  __m512i at =
      _mm512_add_epi32(_mm512_mullo_epi32(each, _mm512_set1_epi32(sizeof(Block) / 2)), _mm512_set1_epi32(First / 2));
  __m512i picked;
  if constexpr (std::is_same_v<Block, Q8_0> || 3 * sizeof(Block) + First < 64) {
    picked = _mm512_permutexvar_epi16(_mm512_castsi256_si512(_mm512_cvtepi32_epi16(at)), load(blocks));
  } else {  // the fourth block begins behind the first 64 bytes: the third and fourth are taken of the last 64
    constexpr int kBehind = 4 * sizeof(Block) - 64;
    at = _mm512_mask_add_epi32(at, 0xFF00, at, _mm512_set1_epi32(32 - kBehind / 2));
    picked = _mm512_permutex2var_epi16(load(blocks), _mm512_castsi256_si512(_mm512_cvtepi32_epi16(at)),
                                       load(blocks + kBehind));
  }
  return _mm512_cvtph_ps(_mm512_castsi512_si256(picked));
}

// The 16 bytes at `low` of four blocks, side by side.
template <int Size>
GAZE_INLINE __m512i four_blocks(const std::byte* low) {
  const auto part = [&](int i)
                        GAZE_LAMBDA { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(low + i * Size)); };
  __m512i all = _mm512_castsi128_si512(part(0));
  all = _mm512_inserti32x4(all, part(1), 1);
  all = _mm512_inserti32x4(all, part(2), 2);
  return _mm512_inserti32x4(all, part(3), 3);
}

// A bit for each of 64 bytes: 16 from each of four blocks' fifth bits, of their first or second halves.
template <int Size>
GAZE_INLINE __mmask64 fifth_bits(const std::byte* high, int half) {
  std::uint64_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, high + i * Size + 2 * half, sizeof(bits));
    mask |= std::uint64_t{bits} << (16 * i);
  }
  return mask;
}

// A step of 128 elements over R rows of weights. Q4_0, Q4_1, Q5_0, Q5_1: blocks of 32 elements in nibbles.
template <class Block>
struct Step {
  static constexpr std::int64_t kElements = 128;
  static constexpr std::int64_t kBytes = 4 * sizeof(Block);
  static constexpr bool kMinimum = std::is_same_v<Block, Q4_1> || std::is_same_v<Block, Q5_1>;
  static constexpr bool kFive = std::is_same_v<Block, Q5_0> || std::is_same_v<Block, Q5_1>;

  template <int R>
  GAZE_INLINE static void run(const std::byte* weights, std::int64_t row_bytes, std::int64_t ahead,
                              const Activations& x, __m512* sums) {
    const __m512i first = load(x.values), second = load(x.values + 64), each = each_four();
    const __m512i low_x = _mm512_shuffle_i32x4(first, second, 0x88);
    const __m512i high_x = _mm512_shuffle_i32x4(first, second, 0xDD);
    const __m512 scale_x = _mm512_permutexvar_ps(each, _mm512_castps128_ps512(_mm_loadu_ps(x.scales)));
    const __m128i starts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x.starts));
    const __m512i start = _mm512_maskz_permutexvar_epi32(kFirstOfFour, each, _mm512_castsi128_si512(starts));
    const __m512 weighted =
        _mm512_maskz_permutexvar_ps(kFirstOfFour, each, _mm512_castps128_ps512(_mm_loadu_ps(x.weighted)));
    constexpr int kLow = offsetof(Block, low);
    for (int r = 0; r < R; ++r) {
      const std::byte* block = weights + r * row_bytes;
      prefetch<kBytes>(block, ahead);
      const __m512i bytes = four_blocks<sizeof(Block)>(block + kLow);
      __m512i low = _mm512_and_si512(bytes, nibbles());
      __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibbles());
      if constexpr (kFive) {
        const __m512i bit = _mm512_set1_epi8(16);
        const std::byte* fifth = block + offsetof(Block, high);
        low = _mm512_mask_or_epi32(low, 0xFFFF, low, _mm512_maskz_mov_epi8(fifth_bits<sizeof(Block)>(fifth, 0), bit));
        high = _mm512_or_si512(high, _mm512_maskz_mov_epi8(fifth_bits<sizeof(Block)>(fifth, 1), bit));
      }
      const __m512i dot = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(start, low, low_x), high, high_x);
      const __m512 scale = _mm512_mul_ps(halves<Block, 0>(block, each), scale_x);
      sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, sums[r]);
      if constexpr (kMinimum) sums[r] = _mm512_fmadd_ps(halves<Block, 2>(block, each), weighted, sums[r]);
    }
  }
};

template <>
struct Step<Q8_0> {
  static constexpr std::int64_t kElements = 128;
  static constexpr std::int64_t kBytes = 4 * sizeof(Q8_0);

  template <int R>
  GAZE_INLINE static void run(const std::byte* weights, std::int64_t row_bytes, std::int64_t ahead,
                              const Activations& x, __m512* sums) {
    const __m512i each = each_eight();
    for (int half = 0; half < 2; ++half) {  // two blocks fill a vector
      const __m512i values = load(x.values + 64 * half);
      const __m128 scales = _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x.scales + 2 * half)));
      const __m512 scale_x = _mm512_permutexvar_ps(each, _mm512_castps128_ps512(scales));
      const __m128i starts = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x.starts + 2 * half));
      const __m512i start = _mm512_maskz_permutexvar_epi32(kFirstOfEight, each, _mm512_castsi128_si512(starts));
      for (int r = 0; r < R; ++r) {
        const std::byte* block = weights + r * row_bytes + 2 * half * static_cast<std::int64_t>(sizeof(Q8_0));
        prefetch<kBytes / 2>(block, ahead);
        const __m256i own = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 2));
        const __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + sizeof(Q8_0) + 2));
        const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(own), next, 1);
        const __m512i dot = _mm512_dpbusd_epi32(start, _mm512_xor_si512(both, _mm512_set1_epi8(-128)), values);
        const __m512 scale = _mm512_mul_ps(halves<Q8_0, 0>(block, each), scale_x);
        sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scale, sums[r]);
      }
    }
  }
};

// The eight scales and minima of Q4_K and Q5_K, each as a byte.
struct Parts {
  __m256 scales, minima;
};
GAZE_INLINE __m256 widen(std::uint64_t eight) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(eight))));
}
GAZE_INLINE Parts unpack_parts(const std::uint8_t* packed) {
  std::uint32_t words[3];
  std::memcpy(words, packed, sizeof(words));
  const std::uint64_t scales =
      (words[0] & 0x3F3F3F3F) | std::uint64_t{(words[2] & 0x0F0F0F0F) | ((words[0] >> 2) & 0x30303030)} << 32;
  const std::uint64_t minima =
      (words[1] & 0x3F3F3F3F) | std::uint64_t{((words[2] >> 4) & 0x0F0F0F0F) | ((words[1] >> 2) & 0x30303030)} << 32;
  return {widen(scales), widen(minima)};
}

template <class Block>
struct PartsStep {
  static constexpr std::int64_t kElements = 256;
  static constexpr std::int64_t kBytes = sizeof(Block);
  static constexpr bool kFive = std::is_same_v<Block, Q5_K>;

  template <int R>
  GAZE_INLINE static void run(const std::byte* weights, std::int64_t row_bytes, std::int64_t ahead,
                              const Activations& x, __m512* sums) {
    const __m512i x0 = load(x.values), x1 = load(x.values + 64), x2 = load(x.values + 128), x3 = load(x.values + 192);
    // As the nibbles lie: parts 0 and 2 in the low ones of 64 bytes, 1 and 3 in the high ones.
    const __m512i xs[4] = {_mm512_shuffle_i64x2(x0, x1, 0x44), _mm512_shuffle_i64x2(x0, x1, 0xEE),
                           _mm512_shuffle_i64x2(x2, x3, 0x44), _mm512_shuffle_i64x2(x2, x3, 0xEE)};
    const __m256 scale_x = _mm256_loadu_ps(x.scales), weighted = _mm256_loadu_ps(x.weighted);
    for (int r = 0; r < R; ++r) {
      const std::byte* at = weights + r * row_bytes;
      prefetch<kBytes>(at, ahead);
      const auto* block = reinterpret_cast<const Block*>(at);
      const __m128i two = _mm_cvtsi32_si128([&] {
        std::int32_t both;
        std::memcpy(&both, at, sizeof(both));
        return both;
      }());
      const __m128 scale_minimum = _mm_cvtph_ps(two);
      const Parts parts = unpack_parts(block->scales);
      const __m256 scales = _mm256_mul_ps(_mm256_mul_ps(parts.scales, _mm256_broadcastss_ps(scale_minimum)), scale_x);
      const __m256 minimum = _mm256_broadcastss_ps(_mm_movehdup_ps(scale_minimum));
      const __m256 less = _mm256_mul_ps(_mm256_mul_ps(parts.minima, minimum), weighted);
      sums[r] = _mm512_sub_ps(sums[r], _mm512_zextps256_ps512(less));
      const __m512 wide = _mm512_castps256_ps512(scales);
      for (int half = 0; half < 2; ++half) {
        const __m512i bytes = load(block->low + 64 * half);
        __m512i low = _mm512_and_si512(bytes, nibbles());
        __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibbles());
        if constexpr (kFive) {
          const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->high));
          const __m512i twice = _mm512_inserti64x4(_mm512_castsi256_si512(bits), bits, 1);
          const auto fifth = [&](int part) GAZE_LAMBDA {
            const __m512i wanted = _mm512_inserti64x4(_mm512_set1_epi8(static_cast<char>(1 << part)),
                                                      _mm256_set1_epi8(static_cast<char>(1 << (part + 2))), 1);
            return _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(twice, wanted), _mm512_set1_epi8(16));
          };
          low = _mm512_or_si512(low, fifth(4 * half));
          high = _mm512_or_si512(high, fifth(4 * half + 1));
        }
        const __m512i each = _mm512_add_epi32(_mm512_slli_epi32(each_eight(), 1), _mm512_set1_epi32(4 * half));
        const __m512i next = _mm512_add_epi32(each, _mm512_set1_epi32(1));
        const __m512i zero = _mm512_setzero_si512();
        const __m512 low_dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(zero, low, xs[2 * half]));
        const __m512 high_dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(zero, high, xs[2 * half + 1]));
        sums[r] = _mm512_fmadd_ps(low_dot, _mm512_permutexvar_ps(each, wide), sums[r]);
        sums[r] = _mm512_fmadd_ps(high_dot, _mm512_permutexvar_ps(next, wide), sums[r]);
      }
    }
  }
};
template <>
struct Step<Q4_K> : PartsStep<Q4_K> {};
template <>
struct Step<Q5_K> : PartsStep<Q5_K> {};

template <>
struct Step<Q6_K> {
  static constexpr std::int64_t kElements = 256;
  static constexpr std::int64_t kBytes = sizeof(Q6_K);

  template <int R>
  GAZE_INLINE static void run(const std::byte* weights, std::int64_t row_bytes, std::int64_t ahead,
                              const Activations& x, __m512* sums) {
    const __m512i each = each_four();
    const __m512i pairs = _mm512_srli_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 1);
    const __m512 scale_x = _mm512_permutexvar_ps(pairs, _mm512_castps256_ps512(_mm256_loadu_ps(x.scales)));
    for (int r = 0; r < R; ++r) {
      const std::byte* at = weights + r * row_bytes;
      prefetch<kBytes>(at, ahead);
      const auto* block = reinterpret_cast<const Q6_K*>(at);
      std::uint16_t half_bits;
      std::memcpy(&half_bits, &block->scale, sizeof(half_bits));
      const __m512 scale = _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(half_bits)));
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block->scales));
      const __m512 scales =
          _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)), scale), scale_x);
      for (int half = 0; half < 2; ++half) {
        const __m512i low = load(block->low + 64 * half);
        const __m256i upper = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block->high + 32 * half));
        const __m512i twice = _mm512_inserti64x4(_mm512_castsi256_si512(upper), upper, 1);
        for (int side = 0; side < 2; ++side) {  // quarters 0 and 1 in the low nibbles, 2 and 3 in the high ones
          const __m512i shift = _mm512_inserti64x4(_mm512_set1_epi16(static_cast<short>(4 * side)),
                                                   _mm256_set1_epi16(static_cast<short>(4 * side + 2)), 1);
          const __m512i two = _mm512_and_si512(_mm512_srlv_epi16(twice, shift), _mm512_set1_epi8(3));
          const __m512i four = _mm512_and_si512(side == 0 ? low : _mm512_srli_epi16(low, 4), nibbles());
          const __m512i values = _mm512_or_si512(four, _mm512_slli_epi16(two, 4));
          const int part = 8 * half + 4 * side;  // of 16 elements
          const __m128i starts = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x.starts + part));
          const __m512i start = _mm512_maskz_permutexvar_epi32(kFirstOfFour, each, _mm512_castsi128_si512(starts));
          const __m512i dot = _mm512_dpbusd_epi32(start, values, load(x.values + 16 * part));
          const __m512i lanes = _mm512_add_epi32(each, _mm512_set1_epi32(part));
          sums[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), _mm512_permutexvar_ps(lanes, scales), sums[r]);
        }
      }
    }
  }
};

// R rows of weights with one of activations.
template <class Block, int R>
GAZE_TARGET void multiply_few(const QuantizedTask& task, std::int64_t first, const Activations& row, float* out) {
  using S = Step<Block>;
  const std::byte* weights = task.weights + first * task.row_bytes;
  __m512 sums[R];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const std::int64_t steps = task.width / S::kElements, part = block_traits(task.type).part;
  Activations x = row;
  const auto advance = [&]() GAZE_LAMBDA {
    x = {x.values + S::kElements, x.scales + S::kElements / 32, x.weighted + S::kElements / 32,
         x.starts + S::kElements / part};
  };
  for (std::int64_t step = 0; step < steps; ++step) {
    S::template run<R>(weights + step * S::kBytes, task.row_bytes, R * task.row_bytes, x, sums);
    advance();
  }
  // What is left of a row, less than a step, beside zeros; the activations have zeros there too.
  if (const std::int64_t left = task.row_bytes - steps * S::kBytes; left > 0) {
    std::byte padded[R * S::kBytes] = {};
    for (int r = 0; r < R; ++r) {
      std::memcpy(padded + r * S::kBytes, weights + r * task.row_bytes + steps * S::kBytes,
                  static_cast<std::size_t>(left));
    }
    S::template run<R>(padded, S::kBytes, 0, x, sums);
  }
  for (int r = 0; r < R; ++r) out[first + r] = _mm512_reduce_add_ps(sums[r]);
}

template <class Block>
void multiply_all(const QuantizedTask& task) {
  const QuantizedRows& x = *task.x;
  for (std::int64_t m = 0; m < x.rows; ++m) {
    const Activations row{x.values + m * x.stride, x.scales + m * x.padded, x.weighted + m * x.padded,
                          task.starts + m * task.starts_stride};
    float* out = task.out + m * task.out_stride;
    std::int64_t n = 0;
    for (; n + kRows <= task.count; n += kRows) multiply_few<Block, kRows>(task, n, row, out);
    for (; n < task.count; ++n) multiply_few<Block, 1>(task, n, row, out);
  }
}

}  // namespace

void multiply_rows_avx512(const QuantizedTask& task) {
  switch (task.type) {
    case BlockType::q4_0:
      return multiply_all<Q4_0>(task);
    case BlockType::q4_1:
      return multiply_all<Q4_1>(task);
    case BlockType::q5_0:
      return multiply_all<Q5_0>(task);
    case BlockType::q5_1:
      return multiply_all<Q5_1>(task);
    case BlockType::q8_0:
      return multiply_all<Q8_0>(task);
    case BlockType::q4_k:
      return multiply_all<Q4_K>(task);
    case BlockType::q5_k:
      return multiply_all<Q5_K>(task);
    case BlockType::q6_k:
      return multiply_all<Q6_K>(task);
  }
}

}  // namespace gaze
