#include "media/image_header.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include <libheif/heif.h>

#include "media/exif_block.h"

namespace gaze {
namespace {

using File = std::span<const std::byte>;

// Numbers at a place in the file; 0 outside of it.
std::uint32_t big(File file, std::size_t at, std::size_t bytes) {
  if (at > file.size() || file.size() - at < bytes) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | std::to_integer<std::uint32_t>(file[at + i]);
  return value;
}

std::uint32_t little(File file, std::size_t at, std::size_t bytes) {
  if (at > file.size() || file.size() - at < bytes) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = bytes; i > 0; --i) value = value << 8 | std::to_integer<std::uint32_t>(file[at + i - 1]);
  return value;
}

void set_size(ImageHeader& header, std::int64_t width, std::int64_t height) {
  constexpr std::int64_t kMost = INT32_MAX;
  if (width <= 0 || height <= 0 || width > kMost || height > kMost) return;
  header.width = static_cast<int>(width);
  header.height = static_cast<int>(height);
}

// The first frame header (SOFn) of a JPEG; segments before it are stepped over.
void read_jpeg(File file, ImageHeader& header) {
  std::size_t at = 2;
  while (at + 4 <= file.size() && file[at] == std::byte{0xFF}) {
    const std::uint32_t marker = big(file, at + 1, 1);
    if (marker == 0xFF) {  // a fill byte
      ++at;
      continue;
    }
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) {
      set_size(header, big(file, at + 7, 2), big(file, at + 5, 2));
      header.row_by_row = marker == 0xC0 || marker == 0xC1;  // sequential, Huffman
      return;
    }
    if (marker == 0xD9 || marker == 0xDA) return;
    at += 2 + big(file, at + 2, 2);
  }
}

// The screen, grown where the first picture does not fit into it.
void read_gif(File file, ImageHeader& header) {
  const std::uint32_t width = little(file, 6, 2), height = little(file, 8, 2), flags = big(file, 10, 1);
  std::size_t at = 13 + (flags & 0x80 ? std::size_t{3} << ((flags & 7) + 1) : 0);
  while (big(file, at, 1) == 0x21) {  // extensions: a label, then blocks up to an empty one
    at += 2;
    while (const std::uint32_t block = big(file, at, 1)) at += 1 + block;
    ++at;
  }
  const bool picture = big(file, at, 1) == 0x2C;
  set_size(header, std::max(width, picture ? little(file, at + 1, 2) + little(file, at + 5, 2) : 0),
           std::max(height, picture ? little(file, at + 3, 2) + little(file, at + 7, 2) : 0));
}

void read_bmp(File file, ImageHeader& header) {
  switch (little(file, 14, 4)) {  // the size of the header tells its version; any other number is none
    case 12:
      set_size(header, little(file, 18, 2), little(file, 20, 2));
      break;
    case 16:
    case 40:
    case 52:
    case 56:
    case 64:
    case 108:
    case 124:  // a negative height means rows from the top
      set_size(header, static_cast<std::int32_t>(little(file, 18, 4)),
               std::abs(std::int64_t{static_cast<std::int32_t>(little(file, 22, 4))}));
      break;
  }
}

void read_webp(File file, ImageHeader& header) {
  switch (big(file, 12, 4)) {
    case 0x56503820:  // "VP8 "
      set_size(header, little(file, 26, 2) & 0x3FFF, little(file, 28, 2) & 0x3FFF);
      break;
    case 0x5650384C:  // "VP8L"
      set_size(header, (little(file, 21, 4) & 0x3FFF) + 1, (little(file, 21, 4) >> 14 & 0x3FFF) + 1);
      break;
    case 0x56503858:  // "VP8X"
      set_size(header, little(file, 24, 3) + 1, little(file, 27, 3) + 1);
      break;
  }
}

void read_heif(File file, ImageHeader& header) {
  const std::unique_ptr<heif_context, void (*)(heif_context*)> context(heif_context_alloc(), heif_context_free);
  if (heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr).code !=
      heif_error_Ok) {
    return;
  }
  heif_image_handle* handle = nullptr;
  if (heif_context_get_primary_image_handle(context.get(), &handle).code != heif_error_Ok) return;
  set_size(header, heif_image_handle_get_width(handle), heif_image_handle_get_height(handle));
  heif_image_handle_release(handle);
}

}  // namespace

ImageHeader read_image_header(File file, bool exif_rotation) {
  ImageHeader header{.format = image_format(file)};
  switch (header.format) {
    case ImageFormat::unknown:
      return header;
    case ImageFormat::jpeg:
      read_jpeg(file, header);
      break;
    case ImageFormat::png:
      set_size(header, big(file, 16, 4), big(file, 20, 4));
      break;
    case ImageFormat::gif:
      read_gif(file, header);
      break;
    case ImageFormat::bmp:
      read_bmp(file, header);
      break;
    case ImageFormat::webp:
      read_webp(file, header);
      break;
    case ImageFormat::tiff: {
      const TagList tags = TagList::first(file);
      set_size(header, tags.integer(256).value_or(0), tags.integer(257).value_or(0));
      break;
    }
    case ImageFormat::heif:
    case ImageFormat::avif:
      read_heif(file, header);
      return header;  // libheif has turned it upright
  }
  const bool turns = exif_rotation || header.format == ImageFormat::tiff;
  if (turns && exif_orientation(find_exif(file, header.format)) >= 5) std::swap(header.width, header.height);
  return header;
}

}  // namespace gaze
