#include "catalog/stored_vector.h"

#include <cmath>
#include <cstring>

namespace gaze {

bool is_unit_vector(std::span<const std::byte> bytes, int dimension) {
  if (bytes.size() != static_cast<std::size_t>(dimension) * sizeof(float)) return false;
  double squares = 0;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, bytes.data() + at, sizeof(value));
    squares += static_cast<double>(value) * value;
  }
  return std::fabs(squares - 1) < 0.01;  // also false for what is not finite
}

}  // namespace gaze
