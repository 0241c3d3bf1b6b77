// Numbers into quantised blocks.
#pragma once

#include "tensor/block_tensor.h"

namespace gaze {

// A matrix of any float type in Q8_0 blocks, rounded as ggml rounds; its rows are whole blocks. Errors: out_of_memory.
BlockTensor quantise_q8_0(const Tensor& matrix);

// The same in six bits, Q6_K, where its rows divide into blocks of 256, else as above.
BlockTensor quantise_six_bits(const Tensor& matrix);

// The same in four bits: Q4_K where its rows divide into blocks of 256, else Q4_1. Scale and minimum of each 32 are
// those, of a few tried, whose numbers lie nearest to the given ones.
BlockTensor quantise_four_bits(const Tensor& matrix);

}  // namespace gaze
