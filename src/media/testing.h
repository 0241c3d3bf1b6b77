// Shared by this room's tests: pictures of noise and checksums, as the golden makers in tools/goldens have them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <zlib.h>

#include "media/image.h"

namespace gaze {

template <class Values>
std::uint32_t checksum(const Values& values) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(values.data()), values.size() * sizeof(*values.data())));
}

// The same bytes as noise() in tools/goldens/make_media.py: a linear congruential block of prime length, repeated.
inline Image noise(int width, int height) {
  constexpr std::size_t kPeriod = 99991;
  Image image{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    if (i >= kPeriod) {
      image.rgb[i] = image.rgb[i - kPeriod];
      continue;
    }
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF;
    image.rgb[i] = static_cast<std::uint8_t>(state >> 16);
  }
  return image;
}

}  // namespace gaze
