// Turning a picture upright, as its EXIF orientation asks.
#pragma once

#include <cstddef>
#include <span>

#include "media/image.h"

namespace gaze {

// `orientation` as in EXIF: 1 upright, 2 mirrored, 3 turned by 180°, 4 flipped, 5 transposed, 6 to be turned 90°
// clockwise, 7 transversed, 8 to be turned 90° counter-clockwise. Anything else is taken as 1.
Image upright(Image image, int orientation);

}  // namespace gaze
