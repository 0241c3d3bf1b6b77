// What one thread does at a time in ops/attention.cpp; for that file alone.
#pragma once

#include <cstddef>

#include "tensor/dtype.h"

namespace gaze {

// A tile's scores lie in the second-level cache for sequences of any usual length.
inline constexpr int kQueriesPerTask = 64;
// Floats that the rows of packed keys and values are filled up to: whole vectors of any CPU.
inline constexpr std::size_t kPackedLanes = 16;

inline constexpr std::size_t padded(std::size_t n) {
  return (n + kPackedLanes - 1) / kPackedLanes * kPackedLanes;
}
// Keys are transposed in blocks of four columns.
inline constexpr std::size_t packed_key_rows(std::size_t head_size) {
  return (head_size + 3) / 4 * 4;
}

// One head's keys and values; strides in elements.
struct PackTask {
  const void *key, *value;
  DType type;
  std::size_t key_stride, value_stride, keys, head_size;
  float* packed_keys;    // [packed_key_rows(head_size), padded(keys)]
  float* packed_values;  // [keys, padded(head_size)]
};

// Some queries of one head; strides in elements.
struct AttentionTask {
  const void* query;
  void* out;
  DType query_type, out_type;
  std::size_t query_stride, out_stride;
  const float *packed_keys, *packed_values;
  std::size_t key_stride;
  std::size_t queries, keys, head_size;
  std::size_t first_visible, visible_step;  // query q of the tile sees min(keys, first_visible + q · visible_step) keys
  float scale;
};

}  // namespace gaze
