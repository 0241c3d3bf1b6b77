#include "media/image.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/limits.h"
#include "base/message.h"
#include "media/decoders.h"
#include "media/exif_block.h"
#include "media/format.h"
#include "media/orientation.h"

namespace gaze {

void check_image_size(std::int64_t width, std::int64_t height, const std::string& name) {
  if (width <= 0 || height <= 0) throw Error(ErrorCode::bad_image, message("{}: a picture without pixels", name));
  const auto& limit = limits();
  if (width > limit.image_side || height > limit.image_side || width * height > limit.image_pixels) {
    throw Error(ErrorCode::image_too_large,
                message("{}: {} × {} pixels; the limit is {} pixels in all and {} a side", name, width, height,
                        limit.image_pixels, limit.image_side),
                message("make the picture smaller, or raise the limit in config.toml"));
  }
}

Image make_image(int width, int height) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
}

void throw_broken(const std::string& name, const char* format, const std::string& what) {
  throw Error(ErrorCode::bad_image, message("{}: broken {} picture: {}", name, format, what),
              message("the file may be damaged: try to open it in another program, or get it again"));
}

void throw_truncated(const std::string& name, const char* format) {
  throw Error(ErrorCode::bad_image, message("{}: the {} picture ends too early", name, format),
              message("the file is not whole: copy or download it again"));
}

Image decode_image(ByteSpan file, const std::string& name, const DecodeOptions& options) try {
  const ImageFormat format = image_format(file);
  Image image;
  switch (format) {
    case ImageFormat::jpeg:
      image = decode_jpeg(file, name, options.at_least);
      break;
    case ImageFormat::png:
      image = decode_png(file, name);
      break;
    case ImageFormat::webp:
      image = decode_webp(file, name);
      break;
    case ImageFormat::gif:
      image = decode_gif(file, name);
      break;
    case ImageFormat::bmp:
      image = decode_bmp(file, name);
      break;
    case ImageFormat::tiff:
      return decode_tiff(file, name);
    case ImageFormat::heif:
    case ImageFormat::avif:
      return decode_heif(file, name);
    case ImageFormat::unknown:
      throw Error(ErrorCode::bad_image, message("{}: not a picture in a format that Gaze reads", name),
                  message("Gaze reads JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF"));
  }
  if (options.exif_rotation) return upright(std::move(image), exif_orientation(find_exif(file, format)));
  return image;
} catch (const std::bad_alloc&) {
  throw Error(ErrorCode::out_of_memory, message("{}: not enough memory for this picture", name));
}

Image load_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(read_file(path, limits().image_file_bytes), display(path), options);
}

}  // namespace gaze
