// Rotary position embeddings (Su et al. 2021, https://arxiv.org/abs/2104.09864): pairs of a head's columns turned by
// an angle that grows with the position.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace gaze {

// Which columns of a head of n belong together.
enum class RotaryPairs {
  halves,    // i and i + n/2: the reference's checkpoints
  adjacent,  // 2i and 2i + 1: GGUF files of LLaMA, whose query and key rows are reordered for it
};

// turns: float32 [positions, 2 · frequencies]: the cosines of position · frequency, then the sines, times `scale`.
void rotary_turns(std::span<const float> frequencies, std::span<const std::int32_t> positions, float scale,
                  Tensor& turns);

// Turns the heads that lie in columns [offset, offset + heads · head_size) of x, in place. x: float32 [rows, width];
// turns: as above for head_size / 2 frequencies, one row for each of x.
void rotate(RotaryPairs pairs, const Tensor& turns, std::int64_t offset, std::int64_t heads, std::int64_t head_size,
            Tensor& x);

}  // namespace gaze
