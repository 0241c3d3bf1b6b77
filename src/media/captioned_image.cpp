#include "media/captioned_image.h"

#include <algorithm>

#include "media/canvas.h"

namespace gaze {
namespace {

constexpr int kLargest = 1280;
constexpr int kNarrowest = 360;  // for the caption of a tiny or slim picture
constexpr int kMargin = 20;
constexpr TextStyle kCaption{.size = 20, .lines = 40, .centred = true};

}  // namespace

void write_captioned_image(const std::filesystem::path& output, const Image& image, const std::string& caption) {
  const bool large = image.width > kLargest || image.height > kLargest;
  const Image picture = large ? fitted(image, kLargest, kLargest) : image;
  const int width = std::max(picture.width, kNarrowest);
  const int text_height = Canvas(1, 1).text_height(caption, width, kCaption);
  Canvas canvas(width + 2 * kMargin, picture.height + text_height + 3 * kMargin);
  canvas.picture(picture, kMargin + (width - picture.width) / 2, kMargin);
  canvas.text(caption, kMargin, picture.height + 2 * kMargin, width, kCaption);
  write_file_atomically(output, canvas.png());
}

}  // namespace gaze
