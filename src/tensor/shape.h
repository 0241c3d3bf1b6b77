// The extents of a tensor, outermost first.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace gaze {

// Lies in place (no heap), so that views of scratch memory cost no allocation in a forward pass.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;  // a scalar: no dimensions, one element
  Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  // Errors: limit_exceeded (more than kMaxRank dimensions): shapes come from files.
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  // Negative indices count from the end, as in the reference: shape[-1] is the innermost extent.
  std::int64_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank_ : axis)]; }
  std::span<const std::int64_t> extents() const { return {extents_.data(), static_cast<std::size_t>(rank_)}; }

  // The product of the extents. Errors: limit_exceeded where an extent is negative or the product passes 2^62:
  // shapes come from files.
  std::int64_t elements() const;

  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, kMaxRank> extents_{};  // zeros beyond rank_, so that == compares whole arrays
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "[2, 3]"

}  // namespace gaze
