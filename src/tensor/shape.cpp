#include "tensor/shape.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/message.h"

namespace gaze {

Shape::Shape(std::span<const std::int64_t> extents) {
  if (extents.size() > kMaxRank) {
    throw Error(ErrorCode::limit_exceeded, message("a tensor of {} dimensions: at most {}", extents.size(), kMaxRank));
  }
  std::copy(extents.begin(), extents.end(), extents_.begin());
  rank_ = static_cast<int>(extents.size());
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  bool zero = false, too_large = false;
  for (const std::int64_t extent : extents()) {
    if (extent == 0) zero = true;
    if (extent < 0 || __builtin_mul_overflow(product, extent == 0 ? 1 : extent, &product)) too_large = true;
  }
  if (too_large || product > (std::int64_t{1} << 62)) {
    throw Error(ErrorCode::limit_exceeded, message("a tensor of shape {} is too large", to_string(*this)));
  }
  return zero ? 0 : product;
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.extents(), ", "));
}

}  // namespace gaze
