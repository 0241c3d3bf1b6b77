// Takes out of a picture file what is not picture (EXIF with GPS, XMP, IPTC, comments, thumbnails, videos hidden
// behind the end) and leaves the compressed pixels as they are.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"

namespace gaze {

struct StrippedPicture {
  Bytes file;                 // the same format; decodes to the same pixels
  std::string mime_type;      // image/jpeg, image/png, image/webp
  int width = 0, height = 0;  // as stored, before orientation
  int orientation = 1;        // the EXIF value that was taken out, 1 to 8; 1 is upright
  bool animated = false;      // only WebP keeps its frames; an animated PNG becomes its still picture
};

// Kept: what decoding and colour need (JFIF, Adobe, ICC profile, gamma, transparency). Everything else goes, known or
// not. Nothing for formats other than JPEG, PNG and WebP, known by content. Errors: bad_image (cut short, malformed).
std::optional<StrippedPicture> strip_metadata(std::span<const std::byte> file, const std::string& name);

}  // namespace gaze
