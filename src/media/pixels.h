// Small pixel arithmetic that several formats share, as Pillow has it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace gaze {

using Rgb = std::array<std::uint8_t, 3>;
using Palette = std::array<Rgb, 256>;

// Where a file names fewer than 256 colours, PIL's palette goes on with greys.
inline Palette grey_palette() {
  Palette palette;
  for (int i = 0; i < 256; ++i) palette[i].fill(static_cast<std::uint8_t>(i));
  return palette;
}

// 0 no ink, 255 full ink (Convert.c, cmyk2rgb).
inline Rgb cmyk_to_rgb(int c, int m, int y, int k) {
  const auto mix = [paper = 255 - k](int ink) {
    const int product = ink * paper + 128;
    return static_cast<std::uint8_t>(std::max(0, paper - (((product >> 8) + product) >> 8)));
  };
  return {mix(c), mix(m), mix(y)};
}

}  // namespace gaze
