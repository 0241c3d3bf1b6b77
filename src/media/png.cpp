#include <algorithm>
#include <cstring>
#include <vector>

#include <png.h>
#include <zlib.h>

#include "media/decoders.h"
#include "media/pixels.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "PNG";
constexpr std::size_t kSignature = 8;
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum around a chunk's data

std::uint32_t big_endian(ByteSpan file, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(file[at + i]);
  return value;
}

// Walks the chunks: as PIL, refuses a wrong checksum in any that stands before the pixels. Returns how many bytes of
// compressed pixels there are.
std::int64_t check_chunks(ByteSpan file, const std::string& name) {
  std::int64_t compressed = 0;
  for (std::size_t at = kSignature; at + kChunkFrame <= file.size();) {
    const std::size_t length = big_endian(file, at);
    const std::size_t left = file.size() - at - kChunkFrame;
    const bool pixels = std::memcmp(&file[at + 4], "IDAT", 4) == 0;
    if (pixels) compressed += static_cast<std::int64_t>(std::min(length, left));
    if (length > left) break;
    if (compressed == 0) {
      const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(&file[at + 4]), static_cast<uInt>(length + 4));
      if (checksum != big_endian(file, at + 8 + length)) throw_broken(name, kFormat, "wrong checksum");
    }
    at += kChunkFrame + length;
  }
  return compressed;
}

struct Reader {
  ByteSpan file;
  std::size_t at = 0;
  bool truncated = false;
  std::string what;
  std::jmp_buf on_error;
  png_structp png = nullptr;
  png_infop info = nullptr;

  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
    if (count > reader.file.size() - reader.at) {
      reader.truncated = true;
      png_error(png, "ends early");
    }
    std::memcpy(out, reader.file.data() + reader.at, count);
    reader.at += count;
  }
  static void on_failure(png_structp png, png_const_charp what) {
    auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
    reader.what = what;
    std::longjmp(reader.on_error, 1);
  }
};

// What libpng is asked to deliver.
enum class Rows { rgb, palette, grey16 };

void expand_row(Rows rows, const std::uint8_t* in, const Palette& palette, std::uint8_t* rgb, int width) {
  for (int x = 0; x < width; ++x, rgb += 3) {
    if (rows == Rows::palette) {
      std::copy_n(palette[in[x]].data(), 3, rgb);
    } else {  // PIL's convert("RGB") of 16-bit grey clips instead of scaling
      rgb[0] = rgb[1] = rgb[2] = in[2 * x] > 0 ? 255 : in[2 * x + 1];
    }
  }
}

}  // namespace

Image decode_png(ByteSpan file, const std::string& name) {
  const std::int64_t compressed = check_chunks(file, name);

  Reader reader;
  reader.file = file;
  const auto step = [&](auto&& body) {
    if (returns_normally(reader.on_error, body)) return;
    if (reader.truncated) throw_truncated(name, kFormat);
    throw_broken(name, kFormat, reader.what);
  };

  png_uint_32 width = 0, height = 0;
  int depth = 0, colour = 0, interlace = 0;
  reader.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, Reader::on_failure, [](png_structp, png_const_charp) {});
  if (reader.png == nullptr) throw std::bad_alloc();
  step([&] {
    png_structp png = reader.png;
    reader.info = png_create_info_struct(png);
    png_set_read_fn(png, &reader, Reader::on_read);
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // check_chunks has looked where PIL looks
    // Texts and profiles have no part in the pixels and may be compressed bombs.
    static constexpr png_byte ignored[] = "iCCP\0iTXt\0tEXt\0zTXt\0eXIf\0sPLT\0hIST";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, ignored, 7);
    png_read_info(png, reader.info);
    png_get_IHDR(png, reader.info, &width, &height, &depth, &colour, &interlace, nullptr, nullptr);
  });
  check_image_size(width, height, name);

  Rows rows = Rows::rgb;
  Palette palette = grey_palette();
  std::size_t raw_row = 0;
  step([&] {
    png_structp png = reader.png;
    raw_row = png_get_rowbytes(png, reader.info);
    if (colour == PNG_COLOR_TYPE_PALETTE) {
      rows = Rows::palette;
      png_set_packing(png);
      png_colorp entries = nullptr;
      int count = 0;
      if (png_get_PLTE(png, reader.info, &entries, &count) != 0) {
        for (int i = 0; i < std::min(count, 256); ++i) palette[i] = {entries[i].red, entries[i].green, entries[i].blue};
      }
    } else if (colour == PNG_COLOR_TYPE_GRAY && depth == 16) {
      rows = Rows::grey16;
    } else {
      if (depth == 16) png_set_strip_16(png);
      if (depth < 8) png_set_expand_gray_1_2_4_to_8(png);
      if (colour & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
      if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    }
    if (interlace != PNG_INTERLACE_NONE) png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
  });
  // Deflate cannot shrink below 1:1032: refuse a promise that the data cannot keep, before allocating for it.
  if (static_cast<std::int64_t>(raw_row) * height > (compressed + 64) * 1032) throw_truncated(name, kFormat);

  Image image = make_image(static_cast<int>(width), static_cast<int>(height));
  if (interlace == PNG_INTERLACE_NONE) {
    std::vector<std::uint8_t> row(png_get_rowbytes(reader.png, reader.info));
    for (int y = 0; y < image.height; ++y) {
      std::uint8_t* const target = rows == Rows::rgb ? image.row(y) : row.data();
      step([&] { png_read_row(reader.png, target, nullptr); });
      if (rows != Rows::rgb) expand_row(rows, target, palette, image.row(y), image.width);
    }
  } else {
    const std::size_t stride = png_get_rowbytes(reader.png, reader.info);
    std::vector<std::uint8_t> raw(rows == Rows::rgb ? 0 : stride * height);
    std::vector<png_bytep> targets(height);
    for (int y = 0; y < image.height; ++y) targets[y] = rows == Rows::rgb ? image.row(y) : raw.data() + stride * y;
    step([&] { png_read_image(reader.png, targets.data()); });
    if (rows != Rows::rgb) {
      for (int y = 0; y < image.height; ++y) expand_row(rows, targets[y], palette, image.row(y), image.width);
    }
  }
  return image;
}

}  // namespace gaze
