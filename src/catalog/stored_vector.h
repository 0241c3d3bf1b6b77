// How a vector lies in the library: float32, little-endian, of length 1.
#pragma once

#include <cstddef>
#include <span>

namespace gaze {

// False for bytes that no model of this dimension can have written: a wrong size, numbers that are not finite, a
// length that is not 1.
bool is_unit_vector(std::span<const std::byte> bytes, int dimension);

}  // namespace gaze
