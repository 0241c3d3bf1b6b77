// How quantised blocks lie in memory, for those who read them: the reference (tensor/block_tensor.cpp) and the kernels.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"

namespace gaze::block_layout {

// Blocks as they lie in files (ggml-common.h has the same). Bytes only, so that any address will do.
struct Half {
  std::uint8_t bytes[2];
  float value() const { return to_float(F16{static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8)}); }
};
struct Q4_0 {
  Half scale;
  std::uint8_t low[16];
};
struct Q4_1 {
  Half scale, minimum;
  std::uint8_t low[16];
};
struct Q5_0 {
  Half scale;
  std::uint8_t high[4], low[16];
};
struct Q5_1 {
  Half scale, minimum;
  std::uint8_t high[4], low[16];
};
struct Q8_0 {
  Half scale;
  std::int8_t values[32];
};
struct Q4_K {
  Half scale, minimum;
  std::uint8_t scales[12], low[128];
};
struct Q5_K {
  Half scale, minimum;
  std::uint8_t scales[12], high[32], low[128];
};
struct Q6_K {
  std::uint8_t low[128], high[64];
  std::int8_t scales[16];
  Half scale;
};

// Eight 6-bit scales and eight 6-bit minima in 12 bytes: the first four of each in the low bits of bytes 0–7, the
// others' low nibbles in bytes 8–11 and their upper two bits in the upper bits of bytes 0–7.
struct ScaleAndMinimum {
  int scale, minimum;
};
inline ScaleAndMinimum unpack(const std::uint8_t* packed, int part) {
  if (part < 4) return {packed[part] & 63, packed[part + 4] & 63};
  return {(packed[part + 4] & 0xF) | (packed[part - 4] >> 6) << 4, (packed[part + 4] >> 4) | (packed[part] >> 6) << 4};
}

}  // namespace gaze::block_layout
