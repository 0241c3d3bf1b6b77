// Parts of pictures, and pictures on larger ones.
#pragma once

#include <array>

#include "media/image.h"

namespace gaze {

// The part that begins at (left, top); it lies within the picture.
Image crop(const Image& image, int left, int top, int width, int height);

// A picture of one colour with `image` on it from (left, top) on; all of it fits.
Image pad(const Image& image, int width, int height, int left, int top, const std::array<std::uint8_t, 3>& colour);

}  // namespace gaze
