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
// out: [batch, queries, heads · head_size]. Each float32 or bf16; key and value alike, and int8 as well: as
// ops/cached_numbers.h has it.
void attention(const AttentionShape& shape, const HeadColumns& query, const HeadColumns& key, const HeadColumns& value,
               std::int64_t keys, std::span<const std::int32_t> key_lengths, Tensor& out);

// Keys and values that are looked at again and again, as those of a picture by each word about it: laid out once for
// the products, as float32. Immutable; safe to use from several threads at once.
class AttentionMemory {
 public:
  // key, value: [memories, positions, …]. shape: not causal, key_heads == heads. Errors: out_of_memory.
  AttentionMemory(const AttentionShape& shape, const HeadColumns& key, const HeadColumns& value);

  // query, out: [rows · length, heads · head_size], float32 or bf16 each. Row r looks at memory memory_of_row[r]; rows
  // of one memory that stand together share its products.
  void attend(const Tensor& query, std::span<const int> memory_of_row, Tensor& out) const;

 private:
  AttentionShape shape_;
  std::int64_t positions_;
  Tensor packed_keys_, packed_values_;  // one a memory and head
};

}  // namespace gaze
