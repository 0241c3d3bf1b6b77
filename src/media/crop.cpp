#include "media/crop.h"

#include <algorithm>

namespace gaze {

Image crop(const Image& image, int left, int top, int width, int height) {
  Image part{width, height, std::vector<std::uint8_t>(std::size_t{3} * width * height)};
  for (int y = 0; y < height; ++y) std::copy_n(image.row(top + y) + 3 * left, 3 * width, part.row(y));
  return part;
}

Image pad(const Image& image, int width, int height, int left, int top, const std::array<std::uint8_t, 3>& colour) {
  Image whole{width, height, std::vector<std::uint8_t>(std::size_t{3} * width * height)};
  for (std::size_t i = 0; i < whole.rgb.size(); ++i) whole.rgb[i] = colour[i % 3];
  for (int y = 0; y < image.height; ++y) std::copy_n(image.row(y), 3 * image.width, whole.row(top + y) + 3 * left);
  return whole;
}

}  // namespace gaze
