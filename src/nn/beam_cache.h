// Keys and values of a decoder's own positions, for sequences that branch: a beam that moves takes a row of indices
// along, never the keys and values themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/cached_attention.h"
#include "tensor/tensor.h"

namespace gaze {

// Belongs to one request; not thread-safe. All rows are equally long.
class BeamCache {
 public:
  // capacity: positions at most.
  BeamCache(int layers, std::int64_t width, std::int64_t capacity, DType dtype);

  // Starts over with `rows` sequences of `length` positions each.
  void start(std::int64_t rows, std::int64_t length);
  // One position more: the new row i continues row parents[i].
  void step(std::span<const int> parents);

  std::int64_t rows() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t length() const { return length_; }

  // Keeps the keys and values of one layer for the positions from `first` on: columns [offset, offset + width) and the
  // next `width` ones of qkv, [rows, length() − first, …].
  void store(int layer, std::int64_t first, const Tensor& qkv, std::int64_t offset);

  // out[r] = attention of the newest position of each row over its own positions. query: [rows, …].
  void attend(int layer, std::int64_t heads, const Tensor& query, Tensor& out) const;

 private:
  struct Layer {
    Tensor keys, values;  // [capacity, slots, width]
  };
  void make_room(std::int64_t slots);

  std::int64_t width_, capacity_;
  DType dtype_;
  std::vector<Layer> layers_;
  std::int64_t slots_ = 0;
  std::int64_t length_ = 0;
  std::vector<std::int32_t> lengths_;      // one a row, all the same: as cached_attention wants it
  std::vector<std::int32_t> slot_of_;      // [rows, capacity]
  std::vector<std::int32_t> slot_before_;  // of the step before, kept for its memory
};

}  // namespace gaze
