#include "media/image_header.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "media/image.h"

namespace gaze {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string big16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A JPEG of 640 × 480 as far as its headers go.
std::string jpeg(const std::string& exif, char frame = '\xC0') {
  std::string file = "\xFF\xD8"s;
  if (!exif.empty()) file += "\xFF\xE1"s + big16(static_cast<unsigned>(exif.size() + 8)) + "Exif\0\0"s + exif;
  file += "\xFF\xDB"s + big16(4) + "xx";
  return file + "\xFF"s + frame + big16(11) + "\x08" + big16(480) + big16(640) + "\x01\x01\x11\x00"s;
}

TEST(ImageHeader, ReadsTheSizeOfEveryFormat) {
  struct Case {
    ImageFormat format;
    std::string file;
    int width, height;
  };
  const std::string bmp_start = "BM"s + std::string(12, '\0');
  const Case cases[] = {
      {ImageFormat::jpeg, jpeg(""), 640, 480},
      {ImageFormat::png, "\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\x01\x02\0\0\x03\x04"s, 258, 772},
      {ImageFormat::gif, "GIF89a\x05\x01\x07\0"s, 261, 7},
      {ImageFormat::bmp, bmp_start + "\x28\0\0\0\x0A\0\0\0\xFE\xFF\xFF\xFF"s, 10, 2},
      {ImageFormat::bmp, bmp_start + "\x0C\0\0\0\x0A\0\x0B\0"s, 10, 11},
      {ImageFormat::webp, "RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9D\x01\x2A\x20\x01\x10\0"s, 288, 16},
      {ImageFormat::webp, "RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2F\x1F\xC0\x03\0"s, 32, 16},
      {ImageFormat::webp, "RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x63\0\0\x31\0\0"s, 100, 50},
  };
  for (const Case& one : cases) {
    const ImageHeader header = read_image_header(bytes(one.file));
    EXPECT_EQ(header.format, one.format);
    EXPECT_EQ(header.width, one.width);
    EXPECT_EQ(header.height, one.height);
    for (std::size_t length = 0; length < one.file.size(); ++length) read_image_header(bytes(one.file).first(length));
  }
  EXPECT_TRUE(read_image_header(bytes(jpeg("", '\xC0'))).row_by_row);
  EXPECT_FALSE(read_image_header(bytes(jpeg("", '\xC2'))).row_by_row);  // progressive
  EXPECT_EQ(read_image_header(bytes("BM is how some sentences begin, this one too"s)).width, 0);
}

TEST(ImageHeader, TurnsUpright) {
  const std::string orientation_6 = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"s;
  EXPECT_EQ(read_image_header(bytes(jpeg(orientation_6))).width, 480);
  EXPECT_EQ(read_image_header(bytes(jpeg(orientation_6)), false).width, 640);
}

// What the pipeline plans with is what the decoder delivers.
TEST(ImageHeader, AgreesWithTheDecoders) {
  int compared = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media")) {
    if (!entry.is_regular_file()) continue;
    const std::string file = read_text_file(entry.path(), 1 << 24);
    if (image_format(bytes(file)) == ImageFormat::unknown) continue;
    for (const bool exif_rotation : {true, false}) {
      Image image;
      try {
        image = decode_image(bytes(file), entry.path(), {.exif_rotation = exif_rotation});
      } catch (const Error&) {
        continue;
      }
      const ImageHeader header = read_image_header(bytes(file), exif_rotation);
      EXPECT_EQ(header.width, image.width) << entry.path();
      EXPECT_EQ(header.height, image.height) << entry.path();
      ++compared;
    }
  }
  EXPECT_GT(compared, 20);
}

}  // namespace
}  // namespace gaze
