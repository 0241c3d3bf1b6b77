// Windows bitmaps: the format is small enough to read here, and no library gives PIL's pixels.
#include <algorithm>
#include <bit>
#include <vector>

#include "media/decoders.h"
#include "media/pixels.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "BMP";
enum Compression : std::uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

struct Reader {
  ByteSpan file;
  const std::string& name;

  std::uint32_t number(std::size_t at, int bytes) const {
    if (at > file.size() || file.size() - at < static_cast<std::size_t>(bytes)) throw_truncated(name, kFormat);
    std::uint32_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= std::to_integer<std::uint32_t>(file[at + i]) << (8 * i);
    return value;
  }
};

struct Header {
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;
  std::uint32_t compression = kRaw;
  std::array<std::uint32_t, 3> masks{};  // red, green, blue; for 16 and 32 bits
  Palette palette = grey_palette();
  std::size_t pixels_at = 0;
};

Header read_header(const Reader& reader) {
  constexpr std::size_t kInfo = 14;  // where the second header starts
  Header header;
  header.pixels_at = reader.number(10, 4);
  const std::uint32_t size = reader.number(kInfo, 4);
  const bool os2 = size == 12;
  std::uint32_t colours = 0;
  if (os2) {
    header.width = reader.number(kInfo + 4, 2);
    header.height = reader.number(kInfo + 6, 2);
    header.bits = reader.number(kInfo + 10, 2);
  } else if (size == 40 || size == 64 || size == 108 || size == 124) {
    header.width = reader.number(kInfo + 4, 4);
    header.height = reader.number(kInfo + 8, 4);
    header.top_down = header.height >> 24 == 0xFF;  // a small negative number, as PIL tells it
    if (header.top_down) header.height = (std::int64_t{1} << 32) - header.height;
    header.bits = reader.number(kInfo + 14, 2);
    header.compression = reader.number(kInfo + 16, 4);
    colours = reader.number(kInfo + 32, 4);
  } else {
    throw_broken(reader.name, kFormat, "header of " + std::to_string(size) + " bytes");
  }
  check_image_size(header.width, header.height, reader.name);

  std::size_t palette_at = kInfo + size;
  if (header.bits == 16) header.masks = {0x7C00, 0x3E0, 0x1F};
  if (header.bits == 32) header.masks = {0xFF0000, 0xFF00, 0xFF};
  if (header.compression == kBitFields) {
    std::array<std::uint32_t, 3> masks{};
    for (int i = 0; i < 3; ++i) masks[i] = reader.number(kInfo + 40 + 4 * i, 4);
    if (size == 40) palette_at += 12;
    if (masks != std::array<std::uint32_t, 3>{}) header.masks = masks;
  }

  if (header.bits <= 8) {
    const std::uint32_t limit = 1u << header.bits;
    if (colours == 0) colours = limit;
    if (colours > 65536) throw_broken(reader.name, kFormat, std::to_string(colours) + " colours");
    const std::size_t entry = os2 ? 3 : 4;
    for (std::uint32_t i = 0; i < std::min(colours, limit); ++i) {
      const std::uint32_t bgr = reader.number(palette_at + entry * i, 3);
      header.palette[i] = {static_cast<std::uint8_t>(bgr >> 16), static_cast<std::uint8_t>(bgr >> 8),
                           static_cast<std::uint8_t>(bgr)};
    }
    palette_at += entry * colours;
  }
  // Some writers leave the place out or forget the palette in it.
  if (header.pixels_at == 0 || header.pixels_at == kInfo + size) header.pixels_at = palette_at;
  return header;
}

struct Channel {
  std::uint32_t mask = 0;
  int shift = 0;
  std::uint32_t top = 0;  // the largest value

  std::uint8_t of(std::uint32_t pixel) const {
    return static_cast<std::uint8_t>(((pixel & mask) >> shift) * 255 / top);
  }
};

Channel channel_of(std::uint32_t mask, const std::string& name) {
  Channel channel{mask, std::countr_zero(mask), 0};
  channel.top = mask == 0 ? 0 : mask >> channel.shift;
  // One run of at most 8 bits, or the sum above does not hold.
  if (channel.top == 0 || channel.top > 255 || (channel.top & (channel.top + 1)) != 0) {
    throw_broken(name, kFormat, "unusual bit fields");
  }
  return channel;
}

void read_raw(const Reader& reader, const Header& header, Image& image) {
  const std::size_t stride = (static_cast<std::size_t>(image.width) * header.bits + 31) / 32 * 4;
  const std::size_t last = (static_cast<std::size_t>(image.width) * header.bits + 7) / 8;  // without padding
  const std::size_t rows = static_cast<std::size_t>(image.height);
  if (header.pixels_at > reader.file.size() || reader.file.size() - header.pixels_at < stride * (rows - 1) + last) {
    throw_truncated(reader.name, kFormat);
  }
  std::array<Channel, 3> channels;
  if (header.bits == 16 || header.bits == 32) {
    for (int c = 0; c < 3; ++c) channels[c] = channel_of(header.masks[c], reader.name);
  }
  for (std::size_t y = 0; y < rows; ++y) {
    const auto* const in = reinterpret_cast<const std::uint8_t*>(reader.file.data()) + header.pixels_at + stride * y;
    std::uint8_t* out = image.row(static_cast<int>(header.top_down ? y : rows - 1 - y));
    for (int x = 0; x < image.width; ++x, out += 3) {
      if (header.bits <= 8) {
        const int per_byte = 8 / static_cast<int>(header.bits);
        const int shift = static_cast<int>(header.bits) * (per_byte - 1 - x % per_byte);
        std::copy_n(header.palette[in[x / per_byte] >> shift & ((1 << header.bits) - 1)].data(), 3, out);
      } else if (header.bits == 24) {
        std::reverse_copy(in + 3 * x, in + 3 * x + 3, out);
      } else {
        const int bytes = static_cast<int>(header.bits) / 8;
        std::uint32_t pixel = 0;
        for (int i = 0; i < bytes; ++i) pixel |= static_cast<std::uint32_t>(in[bytes * x + i]) << (8 * i);
        for (int c = 0; c < 3; ++c) out[c] = channels[c].of(pixel);
      }
    }
  }
}

// Runs of equal or listed pixels; what is skipped has colour 0. Stops at "end of bitmap"; data that just stop are an
// error.
void read_rle(const Reader& reader, const Header& header, Image& image) {
  const bool nibbles = header.compression == kRle4;
  std::vector<std::uint8_t> indices(static_cast<std::size_t>(image.width) * image.height);
  std::size_t at = header.pixels_at;
  std::int64_t x = 0, y = 0;
  const auto put = [&](std::uint32_t index) {
    if (x < image.width && y < image.height)
      indices[static_cast<std::size_t>(y * image.width + x)] = static_cast<std::uint8_t>(index);
    ++x;
  };
  while (y < image.height) {
    const std::uint32_t count = reader.number(at, 1), value = reader.number(at + 1, 1);
    at += 2;
    if (count > 0) {
      for (std::uint32_t i = 0; i < count; ++i) put(!nibbles ? value : i % 2 == 0 ? value >> 4 : value & 15);
    } else if (value == 0) {  // end of line
      x = 0;
      ++y;
    } else if (value == 1) {  // end of bitmap
      break;
    } else if (value == 2) {  // a jump
      x += reader.number(at, 1);
      y += reader.number(at + 1, 1);
      at += 2;
    } else {  // `value` pixels as they are, padded to 16 bits
      const std::size_t bytes = nibbles ? (value + 1) / 2 : value;
      for (std::uint32_t i = 0; i < value; ++i) {
        const std::uint32_t byte = reader.number(at + (nibbles ? i / 2 : i), 1);
        put(!nibbles ? byte : i % 2 == 0 ? byte >> 4 : byte & 15);
      }
      at += bytes + bytes % 2;
    }
    if (x >= image.width && y == image.height - 1) break;  // all is there; some writers leave the end mark out
  }
  for (int row = 0; row < image.height; ++row) {
    const std::uint8_t* const in = indices.data() + static_cast<std::size_t>(row) * image.width;
    std::uint8_t* const out = image.row(header.top_down ? row : image.height - 1 - row);
    for (int column = 0; column < image.width; ++column)
      std::copy_n(header.palette[in[column]].data(), 3, out + 3 * column);
  }
}

}  // namespace

Image decode_bmp(ByteSpan file, const std::string& name) {
  const Reader reader{file, name};
  const Header header = read_header(reader);
  const bool rle =
      (header.compression == kRle8 && header.bits == 8) || (header.compression == kRle4 && header.bits == 4);
  const bool fields = header.compression == kBitFields && (header.bits == 16 || header.bits == 24 || header.bits == 32);
  constexpr std::uint32_t kDepths[] = {1, 4, 8, 16, 24, 32};
  if (std::find(std::begin(kDepths), std::end(kDepths), header.bits) == std::end(kDepths) ||
      (header.compression != kRaw && !rle && !fields)) {
    throw_broken(name, kFormat,
                 std::to_string(header.bits) + " bits a pixel, compression " + std::to_string(header.compression));
  }
  const std::int64_t area = header.width * header.height;
  // The smallest possible data, before memory is taken: raw rows, or two bytes for a run of at most 255 pixels; a jump
  // passes over more, but a picture of jumps alone is not worth its memory.
  if ((rle ? area / 255 : area * header.bits / 8) > static_cast<std::int64_t>(file.size()))
    throw_truncated(name, kFormat);
  Image image = make_image(static_cast<int>(header.width), static_cast<int>(header.height));
  if (rle) {
    read_rle(reader, header, image);
  } else {
    read_raw(reader, header, image);
  }
  return image;
}

}  // namespace gaze
