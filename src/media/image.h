// A picture in memory: 8-bit RGB, rows from the top, no padding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace gaze {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // height × width × 3

  const std::uint8_t* row(int y) const { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
  std::uint8_t* row(int y) { return rgb.data() + static_cast<std::size_t>(y) * width * 3; }
};

struct DecodeOptions {
  // EXIF orientation turned upright (people's view). TIFF's own is applied either way, as PIL does on load.
  bool exif_rotation = true;
  // `--decode fast`: a JPEG may be decoded at a fraction (1/2, 1/4, 1/8) that still leaves both sides at least this
  // long; 0 decodes every pixel. Other formats ignore it.
  int at_least = 0;
};

// Decodes JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, HEIC/AVIF, known by content, never by name; as PIL's
// open().convert("RGB") does, bit for bit in the formats PIL reads.
// Errors: bad_image (what and where), image_too_large (limits, from the header alone). `name` is for messages.
Image decode_image(std::span<const std::byte> file, const std::string& name, const DecodeOptions& options = {});

// read_file within limits().image_file_bytes, then decode_image.
Image load_image(const std::filesystem::path& path, const DecodeOptions& options = {});

}  // namespace gaze
