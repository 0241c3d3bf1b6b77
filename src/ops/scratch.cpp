#include "ops/scratch.h"

#include <algorithm>

namespace gaze {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kSmallestBlock = 1 << 16;

Scratch& Scratch::local() {
  static thread_local Scratch scratch;
  return scratch;
}

Tensor Scratch::take(Shape shape, DType type) {
  const auto bytes = static_cast<std::size_t>(shape.elements()) * size_of(type);
  const std::size_t padded = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  if (block_ == 0 && used_ == 0 && blocks_.size() > 1) merge();
  while (block_ < blocks_.size() && used_ + padded > blocks_[block_].bytes()) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) {
    const std::size_t last = blocks_.empty() ? kSmallestBlock : 2 * blocks_.back().bytes();
    blocks_.push_back(Tensor::empty({static_cast<std::int64_t>(std::max(last, padded))}, DType::u8));
  }
  std::byte* begin = blocks_[block_].raw() + used_;
  used_ += padded;
  return Tensor::borrow({begin, bytes}, shape, type, nullptr);
}

void Scratch::merge() {
  std::size_t total = 0;
  for (const Tensor& each : blocks_) total += each.bytes();
  blocks_.clear();
  blocks_.push_back(Tensor::empty({static_cast<std::int64_t>(total)}, DType::u8));
}

}  // namespace gaze
