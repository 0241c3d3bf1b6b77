// The EXIF block of a picture file and the fields in it: a small reader for TIFF's tag lists that trusts nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "media/format.h"

namespace gaze {

// The TIFF structure inside the file that carries EXIF, or nothing. Looks at JPEG (APP1), PNG (eXIf), WebP (EXIF) and
// TIFF, which is one itself. The bytes are part of `file`.
std::span<const std::byte> find_exif(std::span<const std::byte> file, ImageFormat format);

// The orientation tag (1 to 8) of the first tag list; 1 where there is none or it makes no sense.
int exif_orientation(std::span<const std::byte> exif);

// One tag list (IFD) of a TIFF structure. Offsets outside the block read as absent.
class TagList {
 public:
  // The first list of `exif`; empty where the block is not one.
  static TagList first(std::span<const std::byte> exif);
  // The list that the offset in `tag` leads to (EXIF 0x8769, GPS 0x8825).
  TagList child(std::uint16_t tag) const;

  std::optional<std::uint32_t> integer(std::uint16_t tag) const;  // BYTE, SHORT or LONG
  std::optional<std::string> text(std::uint16_t tag) const;       // ASCII, up to its first NUL, trimmed
  std::optional<double> rational(std::uint16_t tag, std::uint32_t index) const;

 private:
  struct Value {
    std::uint16_t type = 0;
    std::uint32_t count = 0;
    std::size_t at = 0;  // where its bytes are, all inside the block
  };
  std::optional<Value> find(std::uint16_t tag) const;
  std::uint32_t read(std::size_t at, int bytes) const;

  std::span<const std::byte> block_;
  bool big_endian_ = false;
  std::size_t at_ = 0;         // of the first entry
  std::uint32_t entries_ = 0;  // all inside the block
};

}  // namespace gaze
