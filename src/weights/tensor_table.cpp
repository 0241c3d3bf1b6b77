#include "weights/tensor_table.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

Tensor dense_copy(const TensorInfo& info, std::span<const std::byte> bytes, const std::vector<std::int64_t>& strides) {
  Tensor copy = Tensor::empty(info.shape, info.dtype);
  const std::size_t size = size_of(info.dtype);
  const int rank = info.shape.rank();
  std::vector<std::int64_t> index(static_cast<std::size_t>(rank), 0);
  std::int64_t from = 0;
  for (std::int64_t to = 0; to < copy.elements(); ++to) {
    std::memcpy(copy.raw() + static_cast<std::size_t>(to) * size, bytes.data() + static_cast<std::size_t>(from) * size,
                size);
    for (int axis = rank - 1; axis >= 0; --axis) {  // the next index, innermost axis first, and its place
      const auto a = static_cast<std::size_t>(axis);
      from += strides[a];
      if (++index[a] < info.shape[axis]) break;
      from -= strides[a] * info.shape[axis];
      index[a] = 0;
    }
  }
  return copy;
}

}  // namespace

std::uint64_t byte_size(const TensorInfo& info, const std::string& origin) {
  std::uint64_t bytes = 0;
  try {
    if (!__builtin_mul_overflow(static_cast<std::uint64_t>(info.shape.elements()), size_of(info.dtype), &bytes)) {
      return bytes;
    }
  } catch (const Error&) {  // elements() names the shape, but neither the file nor the tensor
  }
  refuse(origin, message("tensor {}: shape {} is too large", in_quotes(info.name), to_string(info.shape)));
}

TensorTable::TensorTable(std::vector<StoredTensor> tensors, const WeightFile& file)
    : owner_(file.owner), origin_(file.origin), mapped_(file.mapped) {
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.info.name < b.info.name; });
  infos_.reserve(tensors.size());
  places_.reserve(tensors.size());
  for (StoredTensor& stored : tensors) {
    if (!infos_.empty() && infos_.back().name == stored.info.name) {
      refuse(origin_, message("tensor {} is there twice", in_quotes(stored.info.name)));
    }
    infos_.push_back(std::move(stored.info));
    places_.push_back({stored.bytes, std::move(stored.strides)});
  }
}

Tensor TensorTable::tensor(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (!info) refuse_missing(origin_, name);
  const Place& place = places_[static_cast<std::size_t>(info - infos_.data())];
  // Other bytes than 0 and 1 are not values of C++'s bool, and reading them would be undefined.
  if (info->dtype == DType::boolean &&
      std::any_of(place.bytes.begin(), place.bytes.end(), [](std::byte b) { return b > std::byte{1}; })) {
    refuse(origin_, message("tensor {}: a boolean is neither 0 nor 1", in_quotes(name)));
  }
  if (!place.strides.empty()) return dense_copy(*info, place.bytes, place.strides);
  return Tensor::borrow(place.bytes, info->shape, info->dtype, owner_);
}

void TensorTable::forget(std::string_view name) const {
  const TensorInfo* info = find(name);
  if (mapped_ && info) MappedFile::forget(places_[static_cast<std::size_t>(info - infos_.data())].bytes);
}

}  // namespace gaze
