#include "media/exif.h"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"
#include "media/image.h"

namespace gaze {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media";

TEST(Exif, TellsWhenWhereAndWithWhat) {
  for (const char* file : {"exif-facts.jpg", "exif-facts.png"}) {
    const Bytes bytes = read_file(kFolder / file, 1 << 20);
    const ExifFacts facts = read_exif(bytes, image_format(bytes));
    EXPECT_EQ(facts.taken, "2024-05-01T12:30:09") << file;
    EXPECT_EQ(facts.camera, "Canon EOS R5") << file;
    ASSERT_TRUE(facts.place) << file;
    EXPECT_NEAR(facts.place->latitude, -33.858333, 1e-5);
    EXPECT_NEAR(facts.place->longitude, 151.21, 1e-5);
  }
}

TEST(Exif, LeavesOutWhatIsNotThere) {
  const Bytes bytes = read_file(kFolder / "jpeg-s2.jpg", 1 << 20);
  const ExifFacts facts = read_exif(bytes, ImageFormat::jpeg);
  EXPECT_EQ(facts.taken, "");
  EXPECT_EQ(facts.camera, "");
  EXPECT_FALSE(facts.place);
}

// Every byte of the block replaced in turn, and the file cut everywhere: no read outside (the sanitizers watch), and
// never a place or a time that cannot be.
TEST(Exif, TrustsNothing) {
  const Bytes good = read_file(kFolder / "exif-facts.jpg", 1 << 20);
  const std::size_t header = std::min<std::size_t>(good.size(), 400);
  for (std::size_t at = 2; at < header; ++at) {
    for (const int value : {0x00, 0x01, 0x7F, 0xFF}) {
      Bytes bad = good;
      bad[at] = static_cast<std::byte>(value);
      const ExifFacts facts = read_exif(bad, ImageFormat::jpeg);
      EXPECT_TRUE(facts.taken.empty() || facts.taken.size() == 19);
      const auto place = facts.place.value_or(ExifFacts::Place{});
      EXPECT_TRUE(std::abs(place.latitude) <= 90 && std::abs(place.longitude) <= 180);
    }
    read_exif(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at)), ImageFormat::jpeg);
  }
}

// The same photograph stored in every orientation comes out upright: nearly equal, since each was compressed anew.
TEST(Exif, TurnsRealPicturesUpright) {
  const auto folder = std::filesystem::path(GAZE_SHARED_DIR) / "corpora/exif-orientation";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  for (const char* kind : {"Landscape", "Portrait"}) {
    const Image expected = load_image(folder / (std::string(kind) + "_1.jpg"));
    for (int orientation = 2; orientation <= 8; ++orientation) {
      const Image image = load_image(folder / (std::string(kind) + "_" + std::to_string(orientation) + ".jpg"));
      ASSERT_EQ(image.width, expected.width) << kind << orientation;
      ASSERT_EQ(image.height, expected.height) << kind << orientation;
      double difference = 0;
      for (std::size_t i = 0; i < image.rgb.size(); ++i) difference += std::abs(image.rgb[i] - expected.rgb[i]);
      EXPECT_LT(difference / static_cast<double>(image.rgb.size()), 12) << kind << orientation;
    }
  }
}

}  // namespace
}  // namespace gaze
