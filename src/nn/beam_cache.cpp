#include "nn/beam_cache.h"

#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"

namespace gaze {
namespace {

// Columns [offset, offset + width) of a row, as a tensor of their own.
Tensor columns(const Tensor& rows, std::int64_t row, std::int64_t offset, std::int64_t width) {
  const std::int64_t stride = rows.size(-1);
  return rows.reshaped({rows.elements()}).rows(row * stride + offset, row * stride + offset + width);
}

}  // namespace

BeamCache::BeamCache(int layers, std::int64_t width, std::int64_t capacity, DType dtype)
    : width_(width), capacity_(capacity), dtype_(dtype), layers_(static_cast<std::size_t>(layers)) {}

void BeamCache::make_room(std::int64_t slots) {
  if (slots <= slots_) return;
  for (Layer& layer : layers_) {
    for (Tensor* old : {&layer.keys, &layer.values}) {
      Tensor larger = Tensor::empty({capacity_, slots, width_}, dtype_);
      for (std::int64_t p = 0; slots_ > 0 && p < length_; ++p) {
        Tensor to = larger.reshaped({capacity_ * slots, width_}).rows(p * slots, p * slots + slots_);
        convert(old->reshaped({capacity_ * slots_, width_}).rows(p * slots_, (p + 1) * slots_), to);
      }
      *old = larger;
    }
  }
  slots_ = slots;
}

void BeamCache::start(std::int64_t rows, std::int64_t length) {
  GAZE_CHECK(length <= capacity_);
  length_ = 0;
  make_room(rows);
  length_ = length;
  lengths_.assign(static_cast<std::size_t>(rows), static_cast<std::int32_t>(length));
  slot_of_.resize(static_cast<std::size_t>(rows * capacity_));
  for (std::int64_t r = 0; r < rows; ++r) {
    std::fill_n(slot_of_.begin() + r * capacity_, capacity_, static_cast<std::int32_t>(r));
  }
}

void BeamCache::step(std::span<const int> parents) {
  GAZE_CHECK(length_ < capacity_);
  const auto rows = static_cast<std::int64_t>(parents.size());
  make_room(rows);
  std::swap(slot_of_, slot_before_);
  slot_of_.resize(static_cast<std::size_t>(rows * capacity_));
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t parent = parents[static_cast<std::size_t>(r)];
    std::copy_n(slot_before_.begin() + parent * capacity_, length_, slot_of_.begin() + r * capacity_);
    slot_of_[static_cast<std::size_t>(r * capacity_ + length_)] = static_cast<std::int32_t>(r);
  }
  ++length_;
  lengths_.assign(static_cast<std::size_t>(rows), static_cast<std::int32_t>(length_));
}

void BeamCache::store(int layer, std::int64_t first, const Tensor& qkv, std::int64_t offset) {
  Layer& to = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t fresh = length_ - first;
  for (std::int64_t r = 0; r < rows(); ++r) {
    for (std::int64_t p = 0; p < fresh; ++p) {
      const std::int64_t from = r * fresh + p, place = (first + p) * slots_ + r;
      Tensor key = columns(to.keys, place, 0, width_), value = columns(to.values, place, 0, width_);
      convert(columns(qkv, from, offset, width_), key);
      convert(columns(qkv, from, offset + width_, width_), value);
    }
  }
}

void BeamCache::attend(int layer, std::int64_t heads, const Tensor& query, Tensor& out) const {
  const Layer& from = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t head_size = width_ / heads;
  cached_attention({.heads = heads,
                    .key_heads = heads,
                    .head_size = head_size,
                    .scale = 1 / std::sqrt(static_cast<float>(head_size)),
                    .lengths = lengths_,
                    .slots = slot_of_,
                    .capacity = capacity_},
                   query, from.keys, from.values, out);
}

}  // namespace gaze
