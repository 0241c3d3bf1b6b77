// Rows of quantised weights as bytes and scales, one form for all block types: what kernels without a path of their own
// multiply.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/block_tensor.h"

namespace gaze {

// weight = (value − offset) · scale of its part − minimum of its 32, with values in 0 … 255.
struct BlockTraits {
  int offset = 0;
  int part = 32;         // elements that share a scale: 16 or 32
  bool minimum = false;  // else there is none
};
BlockTraits block_traits(BlockType type);

// `from`: `width` elements in whole blocks, at any address. values: [width]; scales: [width / part];
// minima: [width / 32], untouched where there are none.
void unpack_row(BlockType type, const std::byte* from, std::int64_t width, std::uint8_t* values, float* scales,
                float* minima);

}  // namespace gaze
