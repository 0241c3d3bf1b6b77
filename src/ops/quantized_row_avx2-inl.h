// One row of activations with rows of quantised weights, without include guard: eight rows are unpacked in registers
// and multiplied on the spot, as fast as the weights come from memory. Each file that includes it defines GAZE_TARGET,
// GAZE_INLINE and GAZE_LAMBDA, and in an unnamed namespace before:
//
// Dots<Bits>, products of eight rows of weights below 2^Bits (eight bits: signed), summed. Dots(start): where the sums
// begin; of eight bits, where they would with 128 more in each weight. add(row, weights, values): sixteen weights of a
// row of the first four and sixteen of the fourth one after it, with sixteen activations, twice; for each row once (six
// bits) or twice. total(): in the order of the rows.

namespace gaze {
namespace {

using namespace block_layout;
using namespace eight_rows;

// What one step needs of the activations.
struct Activations {
  const std::int8_t* values;
  const float *scales, *weighted;
  const std::int32_t* starts;

  explicit Activations(const QuantizedTask& task)
      : values(task.x->values), scales(task.x->scales), weighted(task.x->weighted), starts(task.starts) {}
  void advance(std::int64_t blocks, std::int64_t parts) {
    values += 32 * blocks;
    scales += blocks;
    weighted += blocks;
    starts += parts;
  }
};

// Asks memory for the eight rows that lie behind these, spread over the work. As a number: the address may lie behind
// the weights.
class Ahead {
 public:
  explicit Ahead(const std::byte* at) : at_(reinterpret_cast<std::uintptr_t>(at)) {}

  template <std::uintptr_t Bytes>
  GAZE_INLINE void ask() {
#pragma GCC unroll 8
    for (std::uintptr_t line = 0; line < Bytes; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(at_ + line), _MM_HINT_T0);
    }
    at_ += Bytes;
  }

 private:
  std::uintptr_t at_;
};

// The fifth bits of sixteen weights of each of two rows, of the 32 bits that each half of `bits` begins with: from bit
// 8 · `byte` on.
GAZE_INLINE __m256i fifth_bits(__m256i bits, int byte) {
  const __m256i places = _mm256_add_epi8(_mm256_setr_epi64x(0, 0x0101010101010101, 0, 0x0101010101010101),
                                         _mm256_set1_epi8(static_cast<char>(byte)));
  const __m256i wanted = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201));
  const __m256i found = _mm256_and_si256(_mm256_shuffle_epi8(bits, places), wanted);
  return _mm256_and_si256(_mm256_cmpeq_epi8(found, wanted), every_byte(16));
}

// Two bytes of each row. One after the other, each read by its own insertion: GCC makes more of a list of eight.
GAZE_INLINE __m256 scales_of(const Rows& rows, std::int64_t at) {
  __m128i all = _mm_setzero_si128();
  const auto insert = [&](auto row) GAZE_LAMBDA {
    std::int16_t bits;
    std::memcpy(&bits, rows.at(row, at), sizeof(bits));
    all = _mm_insert_epi16(all, bits, row);
  };
  [&]<int... Row>(std::integer_sequence<int, Row...>) GAZE_LAMBDA {
    (insert(std::integral_constant<int, Row>()), ...);
  }
  (std::make_integer_sequence<int, kGroupRows>());
  return _mm256_cvtph_ps(all);
}

// A scale and a minimum behind it of each row.
struct Heads {
  __m256 scales, minima;
};
GAZE_INLINE Heads heads_of(const Rows& rows) {
  const auto word = [&](int row) GAZE_LAMBDA {
    int bits;
    std::memcpy(&bits, rows.at(row, 0), sizeof(bits));
    return bits;
  };
  const __m256 first = _mm256_cvtph_ps(_mm_setr_epi32(word(0), word(1), word(4), word(5)));
  const __m256 second = _mm256_cvtph_ps(_mm_setr_epi32(word(2), word(3), word(6), word(7)));
  return {_mm256_shuffle_ps(first, second, 0x88), _mm256_shuffle_ps(first, second, 0xDD)};
}

// Sixteen activations, twice.
GAZE_INLINE __m256i twice(const std::int8_t* values) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
}

// A step: the next block of eight rows, added to `sums`. Q4_0, Q4_1, Q5_0, Q5_1.
template <class Block>
struct Step {
  static constexpr std::int64_t kElements = 32, kParts = 1;
  static constexpr bool kMinimum = std::is_same_v<Block, Q4_1> || std::is_same_v<Block, Q5_1>;
  static constexpr bool kFive = std::is_same_v<Block, Q5_0> || std::is_same_v<Block, Q5_1>;

  GAZE_INLINE static __m256 run(const Rows& rows, const Activations& x, Ahead& ahead, __m256 sums) {
    ahead.ask<kGroupRows * sizeof(Block)>();
    const __m256i low_x = twice(x.values), high_x = twice(x.values + 16);
    Dots<kFive ? 5 : 4> dots(*x.starts);
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
      const __m256i bytes = two_rows(rows, row, offsetof(Block, low));
      __m256i low = low_nibbles(bytes), high = high_nibbles(bytes);
      if constexpr (kFive) {
        const __m256i bits = two_rows(rows, row, offsetof(Block, high));
        low = _mm256_or_si256(low, fifth_bits(bits, 0));
        high = _mm256_or_si256(high, fifth_bits(bits, 2));
      }
      dots.add(row, low, low_x);
      dots.add(row, high, high_x);
    }
    __m256 scales;
    if constexpr (kMinimum) {  // as stored: added
      const Heads heads = heads_of(rows);
      scales = heads.scales;
      sums = _mm256_fmadd_ps(heads.minima, _mm256_broadcast_ss(x.weighted), sums);
    } else {
      scales = scales_of(rows, 0);
    }
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots.total()), _mm256_mul_ps(scales, _mm256_broadcast_ss(x.scales)),
                           sums);
  }
};

template <>
struct Step<Q8_0> {
  static constexpr std::int64_t kElements = 32, kParts = 1;

  GAZE_INLINE static __m256 run(const Rows& rows, const Activations& x, Ahead& ahead, __m256 sums) {
    ahead.ask<kGroupRows * sizeof(Q8_0)>();
    Dots<8> dots(*x.starts);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i values = twice(x.values + 16 * half);
#pragma GCC unroll 4
      for (int row = 0; row < 4; ++row) {
        dots.add(row, two_rows(rows, row, static_cast<std::int64_t>(offsetof(Q8_0, values)) + 16 * half), values);
      }
    }
    const __m256 scale = _mm256_mul_ps(scales_of(rows, 0), _mm256_broadcast_ss(x.scales));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots.total()), scale, sums);
  }
};

// Q4_K, Q5_K.
template <class Block>
struct PartsStep {
  static constexpr std::int64_t kElements = 256, kParts = 8;
  static constexpr bool kFive = std::is_same_v<Block, Q5_K>;

  GAZE_INLINE static __m256 run(const Rows& rows, const Activations& x, Ahead& ahead, __m256 sums) {
    __m256i words[4];
    turn(rows, 0, words);
    const Parts parts = unpack_parts(words);
    __m256 own = _mm256_setzero_ps(), less = own;
    const auto finish = [&](__m256i dot, int part) GAZE_LAMBDA {
      const __m256 scale =
          _mm256_mul_ps(byte_of(parts.scales[part / 4], part % 4), _mm256_broadcast_ss(x.scales + part));
      own = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, own);
      less = _mm256_fmadd_ps(byte_of(parts.minima[part / 4], part % 4), _mm256_broadcast_ss(x.weighted + part), less);
    };
#pragma GCC unroll 4
    for (int part = 0; part < 8; part += 2) {  // two in the low and the high nibbles of 32 bytes
      ahead.ask<kGroupRows * sizeof(Block) / 4>();
      Dots<kFive ? 5 : 4> even(0), odd(0);
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        const std::int8_t* values = x.values + 32 * part + 16 * half;
        const __m256i even_x = twice(values), odd_x = twice(values + 32);
#pragma GCC unroll 4
        for (int row = 0; row < 4; ++row) {
          const __m256i bytes =
              two_rows(rows, row, static_cast<std::int64_t>(offsetof(Block, low)) + 16 * part + 16 * half);
          __m256i low = low_nibbles(bytes), high = high_nibbles(bytes);
          if constexpr (kFive) {
            const __m256i fifth = two_rows(rows, row, static_cast<std::int64_t>(offsetof(Block, high)) + 16 * half);
            low = _mm256_or_si256(low, upper_bits(fifth, part, 1));
            high = _mm256_or_si256(high, upper_bits(fifth, part + 1, 1));
          }
          even.add(row, low, even_x);
          odd.add(row, high, odd_x);
        }
      }
      finish(even.total(), part);
      finish(odd.total(), part + 1);
    }
    sums = _mm256_fmadd_ps(halves(words[0], false), own, sums);
    return _mm256_fnmadd_ps(halves(words[0], true), less, sums);
  }
};
template <>
struct Step<Q4_K> : PartsStep<Q4_K> {};
template <>
struct Step<Q5_K> : PartsStep<Q5_K> {};

template <>
struct Step<Q6_K> {
  static constexpr std::int64_t kElements = 256, kParts = 16;

  GAZE_INLINE static __m256 run(const Rows& rows, const Activations& x, Ahead& ahead, __m256 sums) {
    __m256i scales[4];
    turn(rows, offsetof(Q6_K, scales), scales);
    __m256 own = _mm256_setzero_ps();
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 2
      for (int side = 0; side < 2; ++side) {  // of each 32
#pragma GCC unroll 2
        for (int odd = 0; odd < 2; ++odd) {  // quarters odd and odd + 2 of 128 in the low and the high nibbles
          ahead.ask<kGroupRows * sizeof(Q6_K) / 8>();
          const int low_part = 8 * half + 2 * odd + side, high_part = low_part + 4;
          const std::int64_t low = static_cast<std::int64_t>(offsetof(Q6_K, low)) + 64 * half + 32 * odd + 16 * side;
          const std::int64_t high = static_cast<std::int64_t>(offsetof(Q6_K, high)) + 32 * half + 16 * side;
          const __m256i low_x = twice(x.values + 16 * low_part), high_x = twice(x.values + 16 * high_part);
          Dots<6> low_dots(x.starts[low_part]), high_dots(x.starts[high_part]);
#pragma GCC unroll 4
          for (int row = 0; row < 4; ++row) {
            const __m256i nibbles = two_rows(rows, row, low), upper = two_rows(rows, row, high);
            low_dots.add(row, _mm256_or_si256(low_nibbles(nibbles), upper_bits(upper, 2 * odd, 3)), low_x);
            high_dots.add(row, _mm256_or_si256(high_nibbles(nibbles), upper_bits(upper, 2 * odd + 4, 3)), high_x);
          }
          const auto finish = [&](__m256i dot, int part) GAZE_LAMBDA {
            const __m256i bytes = _mm256_slli_epi32(scales[part / 4], 24 - part % 4 * 8);
            const __m256 scale = _mm256_cvtepi32_ps(_mm256_srai_epi32(bytes, 24));
            own = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot),
                                  _mm256_mul_ps(scale, _mm256_broadcast_ss(x.scales + part / 2)), own);
          };
          finish(low_dots.total(), low_part);
          finish(high_dots.total(), high_part);
        }
      }
    }
    return _mm256_fmadd_ps(scales_of(rows, offsetof(Q6_K, scale)), own, sums);
  }
};

template <class Block>
GAZE_TARGET void multiply_eight(const QuantizedTask& task, const std::byte* first, float* out) {
  using S = Step<Block>;
  Rows rows(first, task.row_bytes);
  Activations x(task);
  Ahead ahead(first + kGroupRows * task.row_bytes);
  __m256 sums = _mm256_setzero_ps();
  for (std::int64_t left = task.width / S::kElements; left > 0; --left) {
    sums = S::run(rows, x, ahead, sums);
    rows.advance(sizeof(Block));
    x.advance(S::kElements / 32, S::kParts);
  }
  _mm256_storeu_ps(out, sums);
}

template <class Block>
bool multiply_groups_of_rows(const QuantizedTask& task) {
  for (std::int64_t n = 0; n < task.count; n += kGroupRows) {
    multiply_eight<Block>(task, task.weights + n * task.row_bytes, task.out + n);
  }
  return true;
}

// False: not this task (several rows of activations, rows of weights that are no whole groups).
bool multiply_row(const QuantizedTask& task) {
  if (task.x->rows != 1 || task.count % kGroupRows != 0) return false;
  switch (task.type) {
    case BlockType::q4_0:
      return multiply_groups_of_rows<Q4_0>(task);
    case BlockType::q4_1:
      return multiply_groups_of_rows<Q4_1>(task);
    case BlockType::q5_0:
      return multiply_groups_of_rows<Q5_0>(task);
    case BlockType::q5_1:
      return multiply_groups_of_rows<Q5_1>(task);
    case BlockType::q8_0:
      return multiply_groups_of_rows<Q8_0>(task);
    case BlockType::q4_k:
      return multiply_groups_of_rows<Q4_K>(task);
    case BlockType::q5_k:
      return multiply_groups_of_rows<Q5_K>(task);
    case BlockType::q6_k:
      return multiply_groups_of_rows<Q6_K>(task);
  }
  return false;
}

}  // namespace
}  // namespace gaze
