// Attention of one new position a row over a cache that several rows share: decoding, with beams that move by index.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace gaze {

struct CachedAttention {
  std::int64_t heads = 0;
  std::int64_t key_heads = 0;  // divides heads: each serves heads / key_heads of the query's (grouped-query attention)
  std::int64_t head_size = 0;
  float scale = 1;
  // Row r has lengths[r] positions; position p of it lies in slot slots[r · capacity + p] of the cache.
  std::span<const std::int32_t> lengths;
  std::span<const std::int32_t> slots;
  std::int64_t capacity = 0;
};

// out[r] = softmax(query[r] · keysᵀ · scale) · values, head by head.
// query: [rows, ≥ heads · head_size], the first columns are read; keys, values: [positions, slots, key_heads ·
// cached_size(…, head_size)], float32, bf16 or int8, alike, as ops/cached_numbers.h has them; out: [rows, heads ·
// head_size]. query and out: float32 or bf16 each.
void cached_attention(const CachedAttention& shape, const Tensor& query, const Tensor& keys, const Tensor& values,
                      Tensor& out);

}  // namespace gaze
