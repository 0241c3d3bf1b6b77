// Numbers into quantised blocks.
#pragma once

#include "tensor/block_tensor.h"

namespace gaze {

// A matrix of any float type in Q8_0 blocks, rounded as ggml rounds; its rows are whole blocks. Errors: out_of_memory.
BlockTensor quantise_q8_0(const Tensor& matrix);

}  // namespace gaze
