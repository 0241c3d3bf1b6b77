#include "tensor/tensor.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register
constexpr std::size_t kHugePage = std::size_t{2} << 20;

template <class T>
void widen(const std::byte* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));  // borrowed memory may be unaligned
    if constexpr (std::is_same_v<T, Bf16> || std::is_same_v<T, F16>) {
      to[i] = to_float(value);
    } else {
      to[i] = static_cast<float>(value);
    }
  }
}

}  // namespace

Tensor Tensor::empty(Shape shape, DType type) {
  Tensor tensor;
  tensor.elements_ = shape.elements();
  tensor.shape_ = std::move(shape);
  tensor.type_ = type;
  // Large ones on huge pages: a five-hundredth of the page faults, and of the addresses to remember.
  const bool large = tensor.bytes() >= kHugePage / 2;
  const std::size_t alignment = large ? kHugePage : kAlignment;
  const std::size_t bytes = (tensor.bytes() + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, bytes ? bytes : alignment);
  if (memory && large) ::madvise(memory, bytes, MADV_HUGEPAGE);  // a kernel without them says no, and all is as before
  if (!memory) throw Error(ErrorCode::out_of_memory, message("no memory for a tensor of {} bytes", bytes));
  tensor.data_ = static_cast<std::byte*>(memory);
  tensor.owner_ = std::shared_ptr<const void>(memory, [](const void* p) { std::free(const_cast<void*>(p)); });
  return tensor;
}

Tensor Tensor::zeros(Shape shape, DType type) {
  Tensor tensor = empty(std::move(shape), type);
  std::memset(tensor.data_, 0, tensor.bytes());
  return tensor;
}

Tensor Tensor::borrow(std::span<const std::byte> bytes, Shape shape, DType type, std::shared_ptr<const void> owner) {
  Tensor tensor;
  tensor.elements_ = shape.elements();
  tensor.shape_ = std::move(shape);
  tensor.type_ = type;
  GAZE_CHECK(bytes.size() == tensor.bytes());
  tensor.data_ = const_cast<std::byte*>(bytes.data());
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::reshaped(Shape shape) const {
  GAZE_CHECK(shape.elements() == elements_);
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  GAZE_CHECK(shape_.rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0]);
  std::array<std::int64_t, Shape::kMaxRank> extents{};
  std::copy(shape_.extents().begin(), shape_.extents().end(), extents.begin());
  const std::int64_t row = shape_[0] == 0 ? 0 : elements_ / shape_[0];
  extents[0] = end - begin;
  Tensor view = *this;
  view.shape_ = Shape(std::span(extents).first(static_cast<std::size_t>(shape_.rank())));
  view.elements_ = row * (end - begin);
  view.data_ = data_ + static_cast<std::size_t>(row * begin) * size_of(type_);
  return view;
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape_, type_);
  if (bytes() > 0) std::memcpy(copy.data_, data_, bytes());
  return copy;
}

Tensor Tensor::to_f32() const {
  Tensor wide = empty(shape_, DType::f32);
  float* to = wide.data<float>();
  switch (type_) {
    case DType::f32:
      widen<float>(data_, to, elements_);
      break;
    case DType::f16:
      widen<F16>(data_, to, elements_);
      break;
    case DType::bf16:
      widen<Bf16>(data_, to, elements_);
      break;
    case DType::f64:
      widen<double>(data_, to, elements_);
      break;
    case DType::i8:
      widen<std::int8_t>(data_, to, elements_);
      break;
    case DType::u8:
      widen<std::uint8_t>(data_, to, elements_);
      break;
    case DType::i16:
      widen<std::int16_t>(data_, to, elements_);
      break;
    case DType::i32:
      widen<std::int32_t>(data_, to, elements_);
      break;
    case DType::i64:
      widen<std::int64_t>(data_, to, elements_);
      break;
    case DType::boolean:
      widen<std::uint8_t>(data_, to, elements_);
      break;
  }
  return wide;
}

}  // namespace gaze
