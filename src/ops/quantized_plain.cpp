// Products over unpacked rows of weights: for CPUs without AVX2, and as the other kernels' twin.
#include "ops/quantized_kernels.h"

namespace gaze {
namespace {

// Σ weights · values over `count` elements, a multiple of 16.
std::int32_t dot(const std::uint8_t* weights, const std::int8_t* values, int count) {
  std::int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += weights[i] * values[i];
  return sum;
}

}  // namespace

void multiply_rows_plain(const QuantizedTask& task) {
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

}  // namespace gaze
