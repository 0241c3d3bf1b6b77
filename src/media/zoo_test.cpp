// Pixels equal to PIL's, over small pictures of every format and mode (tools/goldens/make_media.py).
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "media/image.h"
#include "media/resize.h"
#include "media/testing.h"

namespace gaze {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media";

TEST(Zoo, DecodesAsPil) {
  const Json manifest = read_json_file(kFolder / "manifest.json");
  ASSERT_GT(manifest["files"].size(), 50u);
  for (const auto& [file, facts] : manifest["files"].items()) {
    SCOPED_TRACE(file);
    try {
      const Image image = load_image(kFolder / file, {.exif_rotation = false});
      ASSERT_FALSE(facts.contains("refused")) << "PIL refuses it: " << facts["refused"];
      EXPECT_EQ(image.width, facts["width"]);
      EXPECT_EQ(image.height, facts["height"]);
      EXPECT_EQ(checksum(image.rgb), facts["crc"]);
      EXPECT_EQ(checksum(load_image(kFolder / file).rgb), facts["upright_crc"]);
    } catch (const Error& error) {
      EXPECT_TRUE(facts.contains("refused")) << error.message();
      EXPECT_EQ(error.code(), ErrorCode::bad_image);
    }
  }
}

TEST(Zoo, ResizesAsPil) {
  const Json manifest = read_json_file(kFolder / "manifest.json");
  Image image;
  for (const auto& entry : manifest["resizes"]) {
    SCOPED_TRACE(entry.dump());
    const int width = entry["from"][0], height = entry["from"][1];
    if (image.width != width || image.height != height) image = noise(width, height);
    const Image small = resize(image, entry["to"][0], entry["to"][1], entry["resample"].get<Resample>());
    EXPECT_EQ(checksum(small.rgb), entry["crc"]);
  }
}

}  // namespace
}  // namespace gaze
