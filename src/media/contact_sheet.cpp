#include "media/contact_sheet.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "media/canvas.h"

namespace gaze {
namespace {

constexpr std::size_t kMostPictures = 1000;
constexpr int kTile = 240;    // side of the square that a picture fits into
constexpr int kMargin = 20;   // around and between tiles
constexpr int kCaption = 48;  // under a tile: the name, the score
constexpr TextStyle kTitle{.size = 22, .bold = true, .lines = 3};
constexpr TextStyle kName{.size = 14, .middle = true, .centred = true};
constexpr TextStyle kScore{.size = 13, .colour = {0.45, 0.45, 0.45}, .centred = true};
constexpr TextStyle kNote{.size = 14, .colour = {0.4, 0.4, 0.4}, .lines = 3, .centred = true};

// A few pictures stand in one row, more in a block somewhat wider than high.
int columns_for(std::size_t count) {
  if (count <= 4) return static_cast<int>(std::max<std::size_t>(count, 1));
  return std::max(4, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(count) * 1.4))));
}

void draw_tile(Canvas& canvas, const SheetPicture& picture, int x, int y) {
  try {
    const Image image = fitted(load_image(picture.path, {.at_least = kTile}), kTile, kTile);
    canvas.picture(image, x + (kTile - image.width) / 2, y + (kTile - image.height) / 2);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::out_of_memory) throw;
    canvas.rectangle(x, y, kTile, kTile, {0.91, 0.91, 0.91});
    const std::string note = message("cannot be read");
    canvas.text(note, x + kMargin, y + (kTile - canvas.text_height(note, kTile - 2 * kMargin, kNote)) / 2,
                kTile - 2 * kMargin, kNote);
  }
  canvas.text(display(picture.path.filename()), x, y + kTile + 4, kTile, kName);
  if (picture.score) canvas.text(fmt::format("{:.4f}", *picture.score), x, y + kTile + 25, kTile, kScore);
}

}  // namespace

void write_contact_sheet(const std::filesystem::path& output, const std::string& title,
                         std::span<const SheetPicture> pictures) {
  if (pictures.size() > kMostPictures) {
    throw Error(ErrorCode::limit_exceeded, message("{} pictures are too many for one contact sheet; the limit is {}",
                                                   pictures.size(), kMostPictures));
  }
  const int columns = columns_for(pictures.size());
  const int rows = (static_cast<int>(pictures.size()) + columns - 1) / columns;
  // One narrow tile would leave the title no room.
  const int width = std::max(kMargin + columns * (kTile + kMargin), 3 * kTile);
  const int left = (width - columns * (kTile + kMargin) + kMargin) / 2;
  const int text_width = width - 2 * kMargin;
  const int title_height = title.empty() ? 0 : Canvas(1, 1).text_height(title, text_width, kTitle) + kMargin;

  Canvas canvas(width, kMargin + title_height + std::max(rows, 1) * (kTile + kCaption + kMargin));
  if (!title.empty()) canvas.text(title, kMargin, kMargin, text_width, kTitle);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    draw_tile(canvas, pictures[i], left + column * (kTile + kMargin),
              kMargin + title_height + row * (kTile + kCaption + kMargin));
  }
  write_file_atomically(output, canvas.png());
}

}  // namespace gaze
