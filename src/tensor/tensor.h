// A dense row-major array of numbers that owns its memory or borrows it (from a mapped file, from another tensor).
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/check.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace gaze {

enum class Device { cpu };

// Copies share the same memory, as handles do; `clone` makes a separate one. Reading from many threads is safe,
// writing is not. Memory is aligned to 64 bytes when owned, and to nothing when borrowed.
class Tensor {
 public:
  Tensor() = default;  // no memory, zero elements: `defined()` is false

  // Uninitialised memory. Errors: out_of_memory.
  static Tensor empty(Shape shape, DType type);
  static Tensor zeros(Shape shape, DType type);
  template <class T>
  static Tensor of(Shape shape, std::initializer_list<T> values);

  // A view of bytes that `owner` keeps alive; `bytes` is exactly shape × dtype. Never written through.
  static Tensor borrow(std::span<const std::byte> bytes, Shape shape, DType type, std::shared_ptr<const void> owner);

  bool defined() const { return data_ != nullptr || owner_ != nullptr; }
  const Shape& shape() const { return shape_; }
  std::int64_t size(int axis) const { return shape_[axis]; }
  std::int64_t elements() const { return elements_; }
  std::size_t bytes() const { return static_cast<std::size_t>(elements_) * size_of(type_); }
  DType dtype() const { return type_; }
  Device device() const { return Device::cpu; }

  const std::byte* raw() const { return data_; }
  std::byte* raw() { return data_; }

  // The elements; T must be the dtype's. Aligned access is the caller's care for borrowed memory.
  template <class T>
  T* data() {
    GAZE_CHECK(dtype_of<T> == type_);
    return reinterpret_cast<T*>(data_);
  }
  template <class T>
  const T* data() const {
    GAZE_CHECK(dtype_of<T> == type_);
    return reinterpret_cast<const T*>(data_);
  }
  template <class T>
  std::span<T> values() {
    return {data<T>(), static_cast<std::size_t>(elements_)};
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(elements_)};
  }

  // The same memory under another shape of as many elements.
  Tensor reshaped(Shape shape) const;
  // Rows [begin, end) of the outermost dimension, sharing memory.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  Tensor clone() const;
  // A float32 copy of any dtype.
  Tensor to_f32() const;

 private:
  Shape shape_{0};
  std::int64_t elements_ = 0;
  DType type_ = DType::f32;
  std::byte* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

template <class T>
Tensor Tensor::of(Shape shape, std::initializer_list<T> values) {
  Tensor tensor = empty(std::move(shape), dtype_of<T>);
  GAZE_CHECK(static_cast<std::size_t>(tensor.elements()) == values.size());
  std::copy(values.begin(), values.end(), tensor.template data<T>());
  return tensor;
}

}  // namespace gaze
