// softmax(q · kᵀ · scale) · v for each head, in one pass over tiles of queries.
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace gaze {

// The columns [offset, offset + heads · head_size) of a [batch, positions, width] tensor: a part of a fused QKV
// product, or a KV cache of which only the first positions are filled.
struct HeadColumns {
  const Tensor& tensor;
  std::int64_t offset = 0;
};

struct AttentionShape {
  std::int64_t heads = 0;
  std::int64_t key_heads = 0;  // divides heads: each serves heads / key_heads of the query's (grouped-query attention)
  std::int64_t head_size = 0;
  float scale = 1;
  // Query i sees key j only where j ≤ i + (keys − queries): the last query sees every key.
  bool causal = false;
};

// query: [batch, queries, …]; key, value: [batch, ≥ keys, …], of which the first `keys` positions are read, or fewer in
// rows of the batch that key_lengths (one a row, at least 1; empty: all `keys`) cuts short.
// out: [batch, queries, heads · head_size]. Each float32 or bf16, key and value alike.
void attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key, const HeadColumns& value,
               std::int64_t keys, std::span<const std::int32_t> key_lengths, Tensor& out);

}  // namespace gaze
