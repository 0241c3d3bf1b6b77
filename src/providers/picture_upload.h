// A person's picture made ready to leave the machine: upright, no larger than the service uses, and without a word
// about where, when and with what it was taken.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/limits.h"

namespace gaze {

// What a service accepts and uses. A picture is only ever made smaller.
struct PictureRules {
  std::vector<std::string> mime_types{"image/jpeg", "image/png", "image/webp"};
  int longest_side = 2048;        // the longer side is scaled down to this
  int shorter_side = 0;           // then the shorter one to this; 0: no such rule
  bool square = false;            // only the middle of the picture, as wide as high
  std::int64_t bytes = 15 * MiB;  // of the file
};

struct PreparedPicture {
  Bytes file;
  std::string mime_type;
  int width = 0, height = 0;
};

// A picture that is upright, small enough and of a format the service takes keeps its compressed pixels and loses only
// its metadata; others are decoded, turned, cut, scaled (Lanczos) and written as JPEG of quality 92, or as PNG where
// the service takes no JPEG; animated ones become their first frame. `name` is for messages. Errors: bad_image,
// image_too_large, limit_exceeded.
PreparedPicture prepare_picture(std::span<const std::byte> file, const std::string& name, const PictureRules& rules);
PreparedPicture prepare_picture(const std::filesystem::path& path, const PictureRules& rules);

}  // namespace gaze
