// The numbers of a KV cache: float32, bf16, or int8 in groups with a scale each.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace gaze {

// In int8 a head's numbers of one position are followed by the scale of each group of them, as bf16; a number stands
// for itself · its group's scale. Groups as GGUF's Q8_0 has them: of the large numbers that some channels of keys have,
// only their neighbours suffer. Numbers and scales lie at even addresses; the last group may be shorter.
inline constexpr std::int64_t kCacheGroup = 32;

// Elements of `type` that a head takes in one position.
constexpr std::int64_t cached_size(DType type, std::int64_t head_size) {
  if (type != DType::i8) return head_size;
  const std::int64_t groups = (head_size + kCacheGroup - 1) / kCacheGroup;
  return (head_size + 1) / 2 * 2 + groups * static_cast<std::int64_t>(sizeof(Bf16));
}

// to ← numbers: float32, head after head of head_size; to: as many heads of float32, bf16, or int8 as above.
void to_cache(const Tensor& numbers, std::int64_t head_size, Tensor& to);
// numbers ← from: the same the other way round.
void from_cache(const Tensor& from, std::int64_t head_size, Tensor& numbers);

}  // namespace gaze
