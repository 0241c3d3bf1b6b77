#include "media/orientation.h"

#include <algorithm>
#include <cstring>

namespace gaze {
namespace {

void mirror_rows(Image& image) {
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* const row = image.row(y);
    for (int left = 0, right = image.width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + 3 * left, row + 3 * left + 3, row + 3 * right);
    }
  }
}

void flip(Image& image) {
  const std::ptrdiff_t stride = std::ptrdiff_t{3} * image.width;
  for (int top = 0, bottom = image.height - 1; top < bottom; ++top, --bottom) {
    std::swap_ranges(image.row(top), image.row(top) + stride, image.row(bottom));
  }
}

// Rows become columns. In tiles, so that both sides stay in the cache.
Image transposed(const Image& image) {
  constexpr int kTile = 32;
  Image out{image.height, image.width, std::vector<std::uint8_t>(image.rgb.size())};
  for (int tile_y = 0; tile_y < image.height; tile_y += kTile) {
    for (int tile_x = 0; tile_x < image.width; tile_x += kTile) {
      for (int x = tile_x; x < std::min(tile_x + kTile, image.width); ++x) {
        for (int y = tile_y; y < std::min(tile_y + kTile, image.height); ++y) {
          std::memcpy(out.row(x) + 3 * y, image.row(y) + 3 * x, 3);
        }
      }
    }
  }
  return out;
}

}  // namespace

Image upright(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  if (orientation >= 5) image = transposed(image);
  if (orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7) mirror_rows(image);
  if (orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8) flip(image);
  return image;
}

}  // namespace gaze
