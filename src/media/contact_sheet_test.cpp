#include "media/contact_sheet.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "media/canvas.h"
#include "media/captioned_image.h"
#include "media/testing.h"

namespace gaze {
namespace {

std::filesystem::path scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / ("gaze-sheet-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  return folder / name;
}

// Pixels inside a rectangle that are not white.
int ink(const Image& image, int left, int top, int width, int height) {
  int count = 0;
  for (int y = top; y < top + height; ++y) {
    for (int x = left; x < left + width; ++x) {
      const std::uint8_t* const pixel = image.row(y) + 3 * x;
      count += pixel[0] != 255 || pixel[1] != 255 || pixel[2] != 255;
    }
  }
  return count;
}

TEST(ContactSheet, ShowsPicturesNamesAndBrokenOnes) {
  const auto golden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media";
  const auto output = scratch("sheet.png");
  const SheetPicture pictures[] = {{golden / "bmp-RGB.bmp", 0.5}, {golden / "jpeg-truncated.jpg", 0.25}};
  write_contact_sheet(output, "海滩上的日落", pictures);
  const Image sheet = load_image(output);
  EXPECT_EQ(sheet.width, 720);
  EXPECT_GT(ink(sheet, 20, 20, 200, 30), 300);  // the title
  const int tiles_top = sheet.height - 20 - 48 - 240;
  const int first = (720 - 2 * 260 + 20) / 2;
  const std::uint8_t* const broken = sheet.row(tiles_top + 5) + 3 * (first + 260 + 5);
  EXPECT_EQ(broken[0], 232);  // the grey of a tile that could not be read
  EXPECT_GT(ink(sheet, first, tiles_top + 60, 240, 120), 20'000);
  EXPECT_GT(ink(sheet, first, tiles_top + 242, 240, 46), 100);  // name and score
}

TEST(ContactSheet, IsWholeOrNotAtAll) {
  EXPECT_THROW(write_contact_sheet(scratch("missing") / "folder" / "sheet.png", "", {}), Error);
  EXPECT_THROW(write_contact_sheet(scratch("many.png"), "", std::vector<SheetPicture>(1001)), Error);
  EXPECT_FALSE(std::filesystem::exists(scratch("many.png")));
}

// Other languages, right-to-left, emoji, control characters and bytes that are no UTF-8 all draw something.
TEST(Canvas, TakesAnyText) {
  for (const std::string text : {"中文", "שלום", "🐬", "a\nb\tc", "\xFF\xFE", "\x1b[31m", ""}) {
    Canvas canvas(200, 40);
    canvas.text(text, 5, 5, 190, {});
    const Bytes png = canvas.png();
    EXPECT_EQ(ink(decode_image(png, "canvas"), 0, 0, 200, 40) > 0, !text.empty()) << text;
  }
}

TEST(Canvas, FitsPicturesIntoABox) {
  for (const auto& [width, height] : {std::pair{1, 20000}, {20000, 1}, {3, 5}, {300, 200}}) {
    const Image small = fitted(noise(width, height), 240, 240);
    EXPECT_EQ(std::max(small.width, small.height), 240);
    EXPECT_GE(std::min(small.width, small.height), 1);
  }
}

TEST(CaptionedImage, PutsTheCaptionUnderThePicture) {
  const auto output = scratch("captioned.png");
  const Image picture = noise(400, 30);
  write_captioned_image(output, picture, "a dog 一只狗");
  const Image image = load_image(output);
  EXPECT_EQ(image.width, 440);
  EXPECT_TRUE(std::equal(picture.row(7), picture.row(8), image.row(27) + 60));
  EXPECT_GT(ink(image, 20, 70, 400, image.height - 90), 100);
}

}  // namespace
}  // namespace gaze
