// Products over unpacked rows of weights: for CPUs without AVX-512 VNNI, and as the other kernels' twin.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // in GCC 12's own header (GCC bug 105593)
#include <immintrin.h>

#include "ops/quantized_kernels.h"

namespace gaze {
namespace {

// Σ weights · values over `count` elements, a multiple of 16.
std::int32_t dot_plain(const std::uint8_t* weights, const std::int8_t* values, int count) {
  std::int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += weights[i] * values[i];
  return sum;
}

// As 16-bit products: those of bytes saturate for 8-bit weights.
__attribute__((target("avx2"))) std::int32_t dot_avx2(const std::uint8_t* weights, const std::int8_t* values,
                                                      int count) {
  __m256i sums = _mm256_setzero_si256();
  for (int i = 0; i < count; i += 16) {
    const __m256i w = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + i)));
    const __m256i v = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values + i)));
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(w, v));
  }
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1));
  return _mm_cvtsi128_si32(four);
}

template <class Dot>
void multiply_rows(const QuantizedTask& task, const Dot& dot) {
  const BlockTraits traits = block_traits(task.type);
  const QuantizedRows& x = *task.x;
  const std::int64_t parts = task.width / traits.part, blocks = task.width / 32;
  Scratch::Frame frame;
  Tensor values = frame.tensor({task.width}, DType::u8);
  Tensor scales = frame.tensor({parts}, DType::f32), minima = frame.tensor({blocks}, DType::f32);
  const std::uint8_t* weights = values.data<std::uint8_t>();
  for (std::int64_t n = 0; n < task.count; ++n) {
    unpack_row(task.type, task.weights + n * task.row_bytes, task.width, values.data<std::uint8_t>(),
               scales.data<float>(), minima.data<float>());
    for (std::int64_t m = 0; m < x.rows; ++m) {
      const std::int8_t* row = x.values + m * x.stride;
      float sum = 0;
      for (std::int64_t p = 0; p < parts; ++p) {
        const std::int32_t product = dot(weights + p * traits.part, row + p * traits.part, traits.part) +
                                     task.starts[m * task.starts_stride + p];
        sum += static_cast<float>(product) * (scales.data<float>()[p] * x.scales[m * x.padded + p * traits.part / 32]);
      }
      for (std::int64_t b = 0; traits.minimum && b < blocks; ++b) {
        sum -= minima.data<float>()[b] * x.weighted[m * x.padded + b];
      }
      task.out[m * task.out_stride + n] = sum;
    }
  }
}

}  // namespace

void multiply_rows_plain(const QuantizedTask& task) {
  multiply_rows(task, dot_plain);
}

void multiply_rows_avx2(const QuantizedTask& task) {
  multiply_rows(task, dot_avx2);
}

}  // namespace gaze
