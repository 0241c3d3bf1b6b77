// What a camera wrote down beside the picture: when, where, with what.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "media/format.h"

namespace gaze {

struct ExifFacts {
  std::string taken;   // "2024-05-01T12:30:00", the camera's own time, no zone; empty where unknown
  std::string camera;  // "Canon EOS R5", valid UTF-8; empty where unknown
  struct Place {
    double latitude = 0;   // degrees, north positive, within ±90
    double longitude = 0;  // degrees, east positive, within ±180
  };
  std::optional<Place> place;
};

// Never throws and trusts nothing: what is missing or makes no sense is left out. Takes microseconds.
ExifFacts read_exif(std::span<const std::byte> file, ImageFormat format);

}  // namespace gaze
