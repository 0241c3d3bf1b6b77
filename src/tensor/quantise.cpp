#include "tensor/quantise.h"

#include <cmath>
#include <cstring>

#include "base/check.h"
#include "base/parallel.h"
#include "tensor/block_layout.h"

namespace gaze {

using block_layout::Q8_0;

BlockTensor quantise_q8_0(const Tensor& matrix) {
  const std::int64_t rows = matrix.size(0), width = matrix.size(1), row_blocks = width / 32;
  GAZE_CHECK(matrix.shape().rank() == 2 && width % 32 == 0);
  const auto row_bytes = static_cast<std::size_t>(row_blocks) * sizeof(Q8_0);
  Tensor memory = Tensor::empty({rows, static_cast<std::int64_t>(row_bytes)}, DType::u8);
  parallel_ranges(rows, 16, [&](std::int64_t begin, std::int64_t end) {
    const Tensor numbers = matrix.rows(begin, end).to_f32();
    auto* block = reinterpret_cast<Q8_0*>(memory.raw() + static_cast<std::size_t>(begin) * row_bytes);
    for (const float* x = numbers.data<float>(); x != numbers.data<float>() + numbers.elements(); x += 32, ++block) {
      float most = 0;
      for (int j = 0; j < 32; ++j) most = std::fmax(most, std::fabs(x[j]));
      const float scale = most / 127, inverse = most > 0 ? 127 / most : 0;
      const F16 half = to_f16(scale);
      std::memcpy(&block->scale, &half, sizeof(half));
      for (int j = 0; j < 32; ++j) block->values[j] = static_cast<std::int8_t>(std::lround(x[j] * inverse));
    }
  });
  return {BlockType::q8_0, {rows, width}, {memory.raw(), memory.bytes()}, std::make_shared<Tensor>(memory)};
}

}  // namespace gaze
