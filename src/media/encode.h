// Pixels back to a file.
#pragma once

#include "base/file.h"
#include "media/image.h"

namespace gaze {

// A baseline JPEG without any metadata; `quality` 1 to 100 as libjpeg counts it, chroma at full resolution, so that
// thin coloured text stays readable. Errors: image_too_large (a side over 65,500, JPEG's own limit).
Bytes encode_jpeg(const Image& image, int quality);

// A PNG without any metadata. Errors: image_too_large (a side over Canvas::kLargestSide).
Bytes encode_png(const Image& image);

}  // namespace gaze
