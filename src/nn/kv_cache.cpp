#include "nn/kv_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "base/parallel.h"
#include "ops/cached_attention.h"
#include "ops/cached_numbers.h"

namespace gaze {

KvCache::KvCache(const KvCacheShape& shape) : shape_(shape), layers_(static_cast<std::size_t>(shape.layers)) {}

void KvCache::make_room(std::int64_t slots) {
  if (slots <= slots_) return;
  const std::int64_t filled = lengths_.empty() ? 0 : *std::ranges::max_element(lengths_);
  for (Layer& layer : layers_) {
    for (Tensor* old : {&layer.keys, &layer.values}) {
      Tensor larger = Tensor::empty({shape_.capacity, slots, shape_.width()}, shape_.dtype);
      for (std::int64_t p = 0; slots_ > 0 && p < filled; ++p) {
        const Tensor from = old->rows(p, p + 1);
        std::memcpy(larger.rows(p, p + 1).raw(), from.raw(), from.bytes());
      }
      *old = std::move(larger);
    }
  }
  slots_ = slots;
}

void KvCache::start(std::int64_t rows) {
  lengths_.clear();
  make_room(rows);
  lengths_.assign(static_cast<std::size_t>(rows), 0);
  slot_of_.resize(static_cast<std::size_t>(rows * shape_.capacity));
  for (std::int64_t r = 0; r < rows; ++r) {
    std::fill_n(slot_of_.begin() + r * shape_.capacity, shape_.capacity, static_cast<std::int32_t>(r));
  }
}

void KvCache::rewind(std::int64_t length) {
  GAZE_CHECK(0 <= length && length <= *std::ranges::max_element(lengths_));
  lengths_.assign(1, static_cast<std::int32_t>(length));
  slot_of_.assign(static_cast<std::size_t>(shape_.capacity), 0);  // a row alone lies in the first slot
}

void KvCache::each_kept(std::int64_t length, const std::function<void(const Tensor& numbers)>& take) const {
  GAZE_CHECK(0 < length && length <= *std::ranges::max_element(lengths_));
  for (const Layer& layer : layers_) {
    for (const Tensor* all : {&layer.keys, &layer.values}) {
      if (slots_ == 1) {
        take(all->reshaped({shape_.capacity, shape_.width()}).rows(0, length));
        continue;
      }
      Tensor alone = Tensor::empty({length, shape_.width()}, shape_.dtype);  // a row alone lies in the first slot
      for (std::int64_t p = 0; p < length; ++p) {
        Tensor to = alone.rows(p, p + 1);
        std::memcpy(to.raw(), all->rows(p, p + 1).raw(), to.bytes());
      }
      take(alone);
    }
  }
}

void KvCache::resume(std::int64_t length, const std::function<void(Tensor& numbers)>& fill) {
  start(1);
  GAZE_CHECK(slots_ == 1 && 0 < length && length <= shape_.capacity);
  for (Layer& layer : layers_) {
    for (Tensor* all : {&layer.keys, &layer.values}) {
      Tensor numbers = all->reshaped({shape_.capacity, shape_.width()}).rows(0, length);
      fill(numbers);
    }
  }
  extend(0, length);
}

void KvCache::extend(std::int64_t row, std::int64_t count) {
  std::int32_t& now = lengths_[static_cast<std::size_t>(row)];
  GAZE_CHECK(now + count <= shape_.capacity);
  now += static_cast<std::int32_t>(count);
}

// Row `from` of qkv to a place of the cache.
void KvCache::store(Layer& layer, const Tensor& qkv, std::int64_t from, std::int64_t position, std::int64_t slot) {
  const Tensor numbers = qkv.reshaped({qkv.elements()});
  const std::int64_t count = shape_.key_heads * shape_.head_size, width = shape_.width();
  const std::int64_t keys = from * qkv.size(-1) + shape_.heads * shape_.head_size;
  const std::int64_t place = (position * slots_ + slot) * width;
  Tensor key = layer.keys.reshaped({layer.keys.elements()}).rows(place, place + width);
  Tensor value = layer.values.reshaped({layer.values.elements()}).rows(place, place + width);
  to_cache(numbers.rows(keys, keys + count), shape_.head_size, key);
  to_cache(numbers.rows(keys + count, keys + 2 * count), shape_.head_size, value);
}

void KvCache::attend_part(int layer, std::int64_t row, const Tensor& qkv, Tensor& out) {
  Layer& own = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t count = qkv.size(0), filled = length(row), first = filled - count;
  for (std::int64_t i = 0; i < count; ++i) store(own, qkv, i, first + i, row);

  Tensor result = out.reshaped({1, count, out.size(-1)});
  attention({.heads = shape_.heads,
             .key_heads = shape_.key_heads,
             .head_size = shape_.head_size,
             .scale = 1 / std::sqrt(static_cast<float>(shape_.head_size)),
             .causal = true},
            {qkv.reshaped({1, count, qkv.size(-1)}), 0},
            {own.keys.reshaped({1, shape_.capacity, slots_ * shape_.width()}), row * shape_.width()},
            {own.values.reshaped({1, shape_.capacity, slots_ * shape_.width()}), row * shape_.width()}, filled, {},
            result);
}

void KvCache::add_attention(int layer, const Tensor& qkv, Tensor& sums) const {
  GAZE_CHECK(rows() == 1 && sums.size(1) == length(0));
  const Layer& own = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t count = qkv.size(0), filled = length(0), size = shape_.head_size, width = shape_.key_heads * size;
  Tensor keys = Tensor::empty({filled, width}, DType::f32);
  for (std::int64_t p = 0; p < filled; ++p) {
    const std::int64_t place = p * slots_ + slot_of_[index(0, p)];
    Tensor to = keys.rows(p, p + 1);
    from_cache(own.keys.reshaped({shape_.capacity * slots_, shape_.width()}).rows(place, place + 1), size, to);
  }
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  parallel_for(count, [&](std::int64_t i) {
    const std::int64_t seen = filled - count + i + 1;
    std::vector<float> weights(static_cast<std::size_t>(seen));
    for (std::int64_t head = 0; head < shape_.heads; ++head) {
      const float* query = qkv.data<float>() + i * qkv.size(1) + head * size;
      const float* key = keys.data<float>() + head / (shape_.heads / shape_.key_heads) * size;
      for (std::int64_t p = 0; p < seen; ++p) {
        weights[static_cast<std::size_t>(p)] = scale * std::inner_product(query, query + size, key + p * width, 0.0f);
      }
      const float most = *std::ranges::max_element(weights);
      double sum = 0;
      for (float& weight : weights) sum += weight = std::exp(weight - most);
      float* out = sums.data<float>() + i * filled;
      for (const float weight : weights) *out++ += static_cast<float>(weight / sum);
    }
  });
}

void KvCache::step(std::span<const int> parents) {
  const auto rows = static_cast<std::int64_t>(parents.size());
  make_room(rows);
  std::swap(slot_of_, slot_before_);
  std::swap(lengths_, lengths_before_);
  slot_of_.resize(static_cast<std::size_t>(rows * shape_.capacity));
  lengths_.resize(parents.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    const std::int64_t parent = parents[row], length = lengths_before_[static_cast<std::size_t>(parent)];
    GAZE_CHECK(length < shape_.capacity);
    std::copy_n(slot_before_.begin() + parent * shape_.capacity, length, slot_of_.begin() + r * shape_.capacity);
    lengths_[row] = static_cast<std::int32_t>(length);
  }
  // Rows of other lengths may hold this place under any slot: the first that nobody holds. There are as many slots as
  // rows, so one is free.
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t position = length(r);
    const auto holds = [&](std::int64_t slot) {
      for (std::int64_t other = 0; other < rows; ++other) {
        if (length(other) > position && slot_of_[index(other, position)] == slot) return true;
      }
      return false;
    };
    std::int64_t slot = 0;
    while (holds(slot)) ++slot;
    slot_of_[index(r, position)] = static_cast<std::int32_t>(slot);
    ++lengths_[static_cast<std::size_t>(r)];
  }
}

void KvCache::attend_step(int layer, const Tensor& qkv, Tensor& out) {
  Layer& own = layers_[static_cast<std::size_t>(layer)];
  for (std::int64_t r = 0; r < rows(); ++r) store(own, qkv, r, length(r) - 1, slot_of_[index(r, length(r) - 1)]);
  cached_attention({.heads = shape_.heads,
                    .key_heads = shape_.key_heads,
                    .head_size = shape_.head_size,
                    .scale = 1 / std::sqrt(static_cast<float>(shape_.head_size)),
                    .lengths = lengths_,
                    .slots = slot_of_,
                    .capacity = shape_.capacity},
                   qkv, own.keys, own.values, out);
}

}  // namespace gaze
