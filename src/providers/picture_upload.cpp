#include "providers/picture_upload.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "media/encode.h"
#include "media/image.h"
#include "media/resize.h"
#include "media/strip_metadata.h"

namespace gaze {
namespace {

constexpr int kQuality = 92;

std::pair<int, int> target_size(int width, int height, const PictureRules& rules) {
  if (rules.square) width = height = std::min(width, height);
  double scale = 1;
  if (rules.longest_side > 0)
    scale = std::min(scale, static_cast<double>(rules.longest_side) / std::max(width, height));
  if (rules.shorter_side > 0)
    scale = std::min(scale, static_cast<double>(rules.shorter_side) / std::min(width, height));
  const auto scaled = [&](int side) { return std::max(1, static_cast<int>(std::lround(side * scale))); };
  return {scaled(width), scaled(height)};
}

// The largest square in the middle.
Image middle_of(const Image& image) {
  const int side = std::min(image.width, image.height), left = (image.width - side) / 2,
            top = (image.height - side) / 2;
  Image square{side, side, {}};
  for (int y = top; y < top + side; ++y) {
    const std::uint8_t* row = image.row(y) + std::ptrdiff_t{3} * left;
    square.rgb.insert(square.rgb.end(), row, row + std::ptrdiff_t{3} * side);
  }
  return square;
}

}  // namespace

PreparedPicture prepare_picture(std::span<const std::byte> file, const std::string& name, const PictureRules& rules) {
  const auto takes = [&](const std::string& type) {
    return std::ranges::find(rules.mime_types, type) != rules.mime_types.end();
  };
  const auto fits = [&](const Bytes& bytes) { return static_cast<std::int64_t>(bytes.size()) <= rules.bytes; };
  auto stripped = strip_metadata(file, name);
  DecodeOptions decode;
  if (stripped) {
    const auto target = target_size(stripped->width, stripped->height, rules);
    if (takes(stripped->mime_type) && !stripped->animated && stripped->orientation == 1 && fits(stripped->file) &&
        target == std::pair(stripped->width, stripped->height)) {
      return {std::move(stripped->file), stripped->mime_type, stripped->width, stripped->height};
    }
    if (target.first < stripped->width) decode.at_least = std::min(target.first, target.second);
  }

  Image image = decode_image(file, name, decode);
  if (rules.square) image = middle_of(image);
  const auto [width, height] = target_size(image.width, image.height, rules);
  if (width != image.width || height != image.height) image = resize(image, width, height, Resample::lanczos);
  PreparedPicture picture{takes("image/jpeg") ? encode_jpeg(image, kQuality) : encode_png(image),
                          takes("image/jpeg") ? "image/jpeg" : "image/png", width, height};
  if (!fits(picture.file)) {
    throw Error(ErrorCode::limit_exceeded,
                message("{}: larger than the {} bytes that the service takes", name, rules.bytes));
  }
  return picture;
}

PreparedPicture prepare_picture(const std::filesystem::path& path, const PictureRules& rules) {
  return prepare_picture(read_file(path, limits().image_file_bytes), display(path), rules);
}

}  // namespace gaze
