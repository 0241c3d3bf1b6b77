// Keys and values of a decoder's positions, for sequences of different lengths that may branch: a beam that moves takes
// a row of indices along, never the keys and values themselves.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ops/attention.h"
#include "ops/cached_numbers.h"
#include "tensor/tensor.h"

namespace gaze {

// What keys and values are kept as. automatic: bf16, or float32 where the model computes in float32.
enum class KvCacheType { automatic, bf16, int8 };

struct KvCacheShape {
  int layers = 0;
  std::int64_t heads = 0, key_heads = 0, head_size = 0;  // as AttentionShape's
  std::int64_t capacity = 0;                             // positions of a row at most
  DType dtype = DType::bf16;                             // or float32, or int8 as ops/cached_numbers.h has it

  // Elements that the keys of a position take, or its values.
  std::int64_t width() const { return key_heads * cached_size(dtype, head_size); }
  // What one row takes when it is full.
  std::int64_t bytes() const { return 2 * layers * width() * capacity * static_cast<std::int64_t>(size_of(dtype)); }
};

// Belongs to one request; not thread-safe. Memory that no position has reached yet is not touched.
class KvCache {
 public:
  explicit KvCache(const KvCacheShape& shape);

  const KvCacheShape& shape() const { return shape_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t length(std::int64_t row) const { return lengths_[static_cast<std::size_t>(row)]; }

  // Starts over with `rows` empty sequences. Errors: out_of_memory.
  void start(std::int64_t rows);
  // Back to the one row that it started with, and to that row's first `length` positions, which no branch has begun
  // before.
  void rewind(std::int64_t length);

  // For keeping what was read, and going on from it elsewhere. `take` gets keys, then values, of each layer's first
  // `length` positions of the only row, [length, shape().width()]; resume() starts over with one row of which
  // `fill` gives the same tensors. Positions that no branch has begun before. Errors of resume: out_of_memory; fill's.
  void each_kept(std::int64_t length, const std::function<void(const Tensor& numbers)>& take) const;
  void resume(std::int64_t length, const std::function<void(Tensor& numbers)>& fill);

  // A prompt, part by part: `count` positions more in one row; then, layer by layer, attention of those positions over
  // all of the row's. qkv: float32 [count, (heads + 2 · key_heads) · head_size], keys already rotated;
  // out: [count, heads · head_size]. Only before the first step().
  void extend(std::int64_t row, std::int64_t count);
  void attend_part(int layer, std::int64_t row, const Tensor& qkv, Tensor& out);

  // How much the last positions of the only row look at each position: their attention of all heads is added to sums,
  // float32 [count, length]. qkv: as attend_part's, of a part that was attended. For explanations: nothing is hurried.
  void add_attention(int layer, const Tensor& qkv, Tensor& sums) const;

  // One position more a row: the new row i continues row parents[i]. Errors: out_of_memory (more rows than before).
  void step(std::span<const int> parents);
  // qkv: [rows, …], out: [rows, …] as above.
  void attend_step(int layer, const Tensor& qkv, Tensor& out);

 private:
  struct Layer {
    Tensor keys, values;  // [capacity, slots, width]
  };
  std::size_t index(std::int64_t row, std::int64_t position) const {
    return static_cast<std::size_t>(row * shape_.capacity + position);
  }
  void make_room(std::int64_t slots);
  void store(Layer& layer, const Tensor& qkv, std::int64_t from, std::int64_t position, std::int64_t slot);

  KvCacheShape shape_;
  std::vector<Layer> layers_;
  std::int64_t slots_ = 0;
  std::vector<std::int32_t> lengths_, lengths_before_;
  std::vector<std::int32_t> slot_of_, slot_before_;  // [rows, capacity]: where position p of row r lies
};

}  // namespace gaze
