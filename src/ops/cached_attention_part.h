// What one thread does at a time in ops/cached_attention.cpp; for that file alone.
#pragma once

#include <cstdint>

#include "ops/cached_attention.h"

namespace gaze {

// Several parts even of a short row, for several threads; what a part finds is small beside what it reads.
inline constexpr std::int64_t kPartPositions = 64;

struct AttentionPart {
  std::int64_t row, first, count;  // positions, kPartPositions at most
};

// Floats that a part finds for a head of the query: its largest score, the sum of e^(score − largest), and the values'
// sum with these as weights.
inline std::int64_t record_size(const CachedAttention& shape) {
  return 2 + shape.head_size;
}

}  // namespace gaze
