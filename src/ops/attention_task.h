// What one thread does at a time in ops/attention.cpp; for that file alone.
#pragma once

#include <cstddef>

#include "tensor/dtype.h"

namespace gaze {

// A tile's scores lie in the second-level cache for sequences of any usual length, and keys are packed anew for each
// tile: 64 queries make that 1/64 of the multiplications.
inline constexpr int kQueriesPerTask = 64;

// Rows of one head; strides in elements.
struct AttentionTask {
  const void *query, *key, *value;
  void* out;
  DType query_type, key_type, out_type;
  std::size_t query_stride, key_stride, value_stride, out_stride;
  std::size_t queries, keys, head_size;
  std::size_t first_visible, visible_step;  // query q of the tile sees min(keys, first_visible + q · visible_step) keys
  float scale;
};

}  // namespace gaze
