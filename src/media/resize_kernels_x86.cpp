#include "media/resize_kernels_x86.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // false alarms in GCC 12's own AVX-512 headers (PR 105593)
#endif

#include <algorithm>

#include <immintrin.h>

// Chosen at run time by what the CPU has; the rest of the program is compiled for any x86-64.
#define GAZE_AVX2 __attribute__((target("avx2")))
#define GAZE_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

namespace gaze {
namespace {

// A weight as upper × 2^15 + lower, lower in [0, 2^15): two 16-bit factors for multiply-add.
constexpr int kLowerBits = 15;
std::uint32_t lower(std::int32_t weight) {
  return static_cast<std::uint32_t>(weight) & 0x7FFF;
}
std::uint32_t upper(std::int32_t weight) {
  return static_cast<std::uint32_t>(weight >> kLowerBits) & 0xFFFF;
}

// Even and odd pixels apart, as a 16-bit mask and shift of the quad's bytes leave them.
PackedQuad pack_avx2(const std::int32_t w[4]) {
  return {lower(w[0]) | lower(w[2]) << 16, lower(w[1]) | lower(w[3]) << 16, upper(w[0]) | upper(w[2]) << 16,
          upper(w[1]) | upper(w[3]) << 16};
}

// A weight as b2 × 2^16 + b1 × 2^8 + b0, each in [-128, 127]: three 8-bit factors.
PackedQuad pack_vnni(const std::int32_t w[4]) {
  PackedQuad packed{};
  for (int i = 0; i < 4; ++i) {
    std::int32_t rest = w[i];
    for (int part = 0; part < 3; ++part) {
      const auto digit = static_cast<std::int8_t>(rest & 0xFF);
      packed[part] |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(digit)) << (8 * i);
      rest = (rest - digit) >> 8;
    }
  }
  return packed;
}

// Four rows of four pixels: bytes of a channel side by side in each row, then rows side by side in each channel.
GAZE_AVX2 void gather_avx2(const std::uint8_t* const rows[kBlockRows], int width, int first_quad, int end_quad,
                           std::uint8_t* quads) {
  const __m128i split = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
  // A load of 16 bytes holds 12 of the quad's: stop where the rest would lie behind the row.
  const int safe_end = std::clamp((3 * width - 16) / 12 + 1, first_quad, end_quad);
  for (int row = 0; row < kBlockRows; row += 4) {
    for (int quad = first_quad; quad < (3 * width >= 16 ? safe_end : first_quad); ++quad) {
      __m128i r[4];
      for (int i = 0; i < 4; ++i) {
        const auto* const in = reinterpret_cast<const __m128i*>(rows[row + i] + 12 * static_cast<std::size_t>(quad));
        r[i] = _mm_shuffle_epi8(_mm_loadu_si128(in), split);
      }
      const __m128i low01 = _mm_unpacklo_epi32(r[0], r[1]), low23 = _mm_unpacklo_epi32(r[2], r[3]);
      const __m128i high01 = _mm_unpackhi_epi32(r[0], r[1]), high23 = _mm_unpackhi_epi32(r[2], r[3]);
      auto* const out = reinterpret_cast<__m128i*>(quads + quad * kQuadBytes + 4 * row);
      _mm_storeu_si128(out, _mm_unpacklo_epi64(low01, low23));
      _mm_storeu_si128(out + 4, _mm_unpackhi_epi64(low01, low23));
      _mm_storeu_si128(out + 8, _mm_unpacklo_epi64(high01, high23));
    }
  }
  gather_quads(rows, width, 3 * width >= 16 ? safe_end : first_quad, end_quad, quads);
}

// Eight sums, rounded, as bytes.
GAZE_AVX2 __m128i round_avx2(__m256i low, __m256i high) {
  const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(low, _mm256_slli_epi32(high, kLowerBits)),
                                       _mm256_set1_epi32(1 << (kTapBits - 1)));
  const __m256i value = _mm256_srai_epi32(sum, kTapBits);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
  return _mm_packus_epi16(words, words);
}

GAZE_AVX2 void horizontal_avx2(const std::uint8_t* quads, const PackedTaps& taps, std::uint8_t* columns) {
  const __m256i even_mask = _mm256_set1_epi16(0xFF);
  const PackedQuad* weights = taps.quads.data();
  for (const auto [first, count] : taps.windows) {
    for (int half = 0; half < 6; ++half, columns += 8) {  // channel by channel, eight rows at a time
      const std::uint8_t* in = quads + first * kQuadBytes + 32 * half;
      __m256i low = _mm256_setzero_si256(), high = low, low_odd = low, high_odd = low;
      for (int q = 0; q < count; ++q, in += kQuadBytes) {
        const __m256i pixels = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
        const __m256i even = _mm256_and_si256(pixels, even_mask), odd = _mm256_srli_epi16(pixels, 8);
        const auto factor = [&](int i) GAZE_AVX2 { return _mm256_set1_epi32(static_cast<int>(weights[q][i])); };
        low = _mm256_add_epi32(low, _mm256_madd_epi16(even, factor(0)));
        low_odd = _mm256_add_epi32(low_odd, _mm256_madd_epi16(odd, factor(1)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(even, factor(2)));
        high_odd = _mm256_add_epi32(high_odd, _mm256_madd_epi16(odd, factor(3)));
      }
      _mm_storel_epi64(reinterpret_cast<__m128i*>(columns),
                       round_avx2(_mm256_add_epi32(low, low_odd), _mm256_add_epi32(high, high_odd)));
    }
    weights += count;
  }
}

GAZE_VNNI void horizontal_vnni(const std::uint8_t* quads, const PackedTaps& taps, std::uint8_t* columns) {
  const __m512i half = _mm512_set1_epi32(1 << (kTapBits - 1));
  const PackedQuad* weights = taps.quads.data();
  for (const auto [first, count] : taps.windows) {
    const std::uint8_t* in = quads + first * kQuadBytes;
    __m512i sums[3][3];
    for (auto& channel : sums) {
      channel[0] = half;
      channel[1] = channel[2] = _mm512_setzero_si512();
    }
    for (int q = 0; q < count; ++q, in += kQuadBytes) {
      for (int c = 0; c < 3; ++c) {
        const __m512i pixels = _mm512_loadu_si512(in + 64 * c);
        for (int part = 0; part < 3; ++part) {
          const __m512i factor = _mm512_set1_epi32(static_cast<int>(weights[q][part]));
          sums[c][part] = _mm512_dpbusd_epi32(sums[c][part], pixels, factor);
        }
      }
    }
    weights += count;
    for (int c = 0; c < 3; ++c, columns += kBlockRows) {
      const __m512i sum = _mm512_add_epi32(
          sums[c][0], _mm512_add_epi32(_mm512_slli_epi32(sums[c][1], 8), _mm512_slli_epi32(sums[c][2], 16)));
      const __m512i value = _mm512_max_epi32(_mm512_srai_epi32(sum, kTapBits), _mm512_setzero_si512());
      _mm_storeu_si128(reinterpret_cast<__m128i*>(columns), _mm512_cvtusepi32_epi8(value));
    }
  }
}

// Sixteen columns at a time; two rows interleaved make the pairs that multiply-add wants.
GAZE_AVX2 void vertical_avx2(const std::uint8_t* const* rows, const std::int32_t* weights, int count, std::size_t bytes,
                             std::uint8_t* out) {
  std::size_t at = 0;
  for (; at + 16 <= bytes; at += 16) {
    __m256i low[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, high[2] = {low[0], low[0]};
    for (int row = 0; row < count; row += 2) {
      const bool pair = row + 1 < count;
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row] + at));
      const __m128i b = pair ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row + 1] + at)) : a;
      const std::int32_t second = pair ? weights[row + 1] : 0;
      const __m256i lower_pair = _mm256_set1_epi32(static_cast<int>(lower(weights[row]) | lower(second) << 16));
      const __m256i upper_pair = _mm256_set1_epi32(static_cast<int>(upper(weights[row]) | upper(second) << 16));
      const __m256i pixels[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)),
                                 _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b))};
      for (int i = 0; i < 2; ++i) {
        low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(pixels[i], lower_pair));
        high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(pixels[i], upper_pair));
      }
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at),
                     _mm_unpacklo_epi64(round_avx2(low[0], high[0]), round_avx2(low[1], high[1])));
  }
  for (; at < bytes; ++at) {
    std::int32_t sum = 0;
    for (int row = 0; row < count; ++row) sum += rows[row][at] * weights[row];
    out[at] = round_taps(sum);
  }
}

constexpr ResizeKernels kAvx2{"avx2", pack_avx2, gather_avx2, horizontal_avx2, vertical_avx2};
constexpr ResizeKernels kVnni{"avx512-vnni", pack_vnni, gather_avx2, horizontal_vnni, vertical_avx2};

}  // namespace

std::vector<const ResizeKernels*> x86_resize_kernels() {
  std::vector<const ResizeKernels*> list;
  if (!__builtin_cpu_supports("avx2")) return list;
  list.push_back(&kAvx2);
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    list.push_back(&kVnni);
  }
  return list;
}

}  // namespace gaze

#else

namespace gaze {
std::vector<const ResizeKernels*> x86_resize_kernels() {
  return {};
}
}  // namespace gaze

#endif
