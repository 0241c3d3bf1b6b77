#include "index/inner_product.h"

#include <cstddef>

#include "base/check.h"

namespace gaze {

float inner_product(std::span<const float> a, std::span<const float> b) {
  GAZE_CHECK(a.size() == b.size());
  constexpr std::size_t kLanes = 8;
  double lane[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lane[j] += static_cast<double>(a[i + j]) * b[i + j];
  }
  for (std::size_t j = 0; i < a.size(); ++i, ++j) lane[j] += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7])));
}

}  // namespace gaze
