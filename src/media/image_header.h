// What the first bytes of a picture file tell without decoding it.
#pragma once

#include <cstddef>
#include <span>

#include "media/format.h"

namespace gaze {

struct ImageHeader {
  ImageFormat format = ImageFormat::unknown;
  // As people see the picture: after EXIF or TIFF orientation when `exif_rotation`. 0 where the header is broken.
  int width = 0;
  int height = 0;
  // Decoding keeps only some rows in memory (a sequential JPEG), not the whole picture.
  bool row_by_row = false;
};

// Never throws and trusts nothing: what cannot be read stays 0, and decode_image says why.
ImageHeader read_image_header(std::span<const std::byte> file, bool exif_rotation = true);

}  // namespace gaze
