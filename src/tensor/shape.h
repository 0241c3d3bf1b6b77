// The extents of a tensor, outermost first.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace gaze {

class Shape {
 public:
  Shape() = default;  // a scalar: no dimensions, one element
  Shape(std::initializer_list<std::int64_t> extents) : extents_(extents) {}
  explicit Shape(std::vector<std::int64_t> extents) : extents_(std::move(extents)) {}

  int rank() const { return static_cast<int>(extents_.size()); }
  // Negative indices count from the end, as in the reference: shape[-1] is the innermost extent.
  std::int64_t operator[](int axis) const {
    return extents_[static_cast<std::size_t>(axis < 0 ? axis + rank() : axis)];
  }
  const std::vector<std::int64_t>& extents() const { return extents_; }

  // The product of the extents. Errors: limit_exceeded where an extent is negative or the product passes 2^62:
  // shapes come from files.
  std::int64_t elements() const;

  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> extents_;
};

std::string to_string(const Shape& shape);  // "[2, 3]"

}  // namespace gaze
