#include "media/strip_metadata.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "media/encode.h"

namespace gaze {
namespace {

Bytes bytes_of(std::string_view text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string big(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string segment(int marker, const std::string& body) {
  return std::string("\xFF") + static_cast<char>(marker) + big(body.size() + 2, 2) + body;
}

// A TIFF block with the orientation tag, then words that only metadata would hold.
std::string exif(int orientation, bool little) {
  if (little) {
    return std::string("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 24) + static_cast<char>(orientation) +
           std::string(7, '\0') + "GPS 39.9042 N";
  }
  return std::string("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 25) + static_cast<char>(orientation) +
         std::string(6, '\0') + "GPS 39.9042 N";
}

std::string plain_jpeg() {
  Image image{24, 16, std::vector<std::uint8_t>(24 * 16 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 37);
  return text_of(encode_jpeg(image, 90));
}

StrippedPicture strip(const std::string& file) {
  auto picture = strip_metadata(bytes_of(file), "test");
  EXPECT_TRUE(picture.has_value());
  return picture.value_or(StrippedPicture{});
}

ErrorCode code_of(const std::string& file) {
  try {
    strip_metadata(bytes_of(file), "test");
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::internal;
}

TEST(StripMetadata, LeavesOnlyThePictureInAJpeg) {
  const std::string clean = plain_jpeg();
  for (const bool little : {true, false}) {
    const std::string dirty = clean.substr(0, 2) + segment(0xE1, exif(6, little)) +
                              segment(0xE1, "http://ns.adobe.com/xap/1.0/ GPS") + segment(0xED, "Photoshop 3.0 GPS") +
                              segment(0xE2, "MPF GPS") + segment(0xE5, "maker GPS") + segment(0xFE, "comment GPS") +
                              clean.substr(2) + "\xFF\xD8 a second picture, a film, GPS";
    const StrippedPicture picture = strip(dirty);
    EXPECT_EQ(text_of(picture.file), clean);
    EXPECT_EQ(picture.orientation, 6);
    EXPECT_EQ(picture.width, 24);
    EXPECT_EQ(picture.height, 16);
  }
  const std::string profile = segment(0xE2, std::string("ICC_PROFILE\0\x01\x01 colours", 22));
  const std::string coloured = clean.substr(0, 2) + profile + clean.substr(2);
  EXPECT_EQ(text_of(strip(coloured).file), coloured);  // decoding and colour need it
}

TEST(StripMetadata, DropsTheThumbnailOfJfif) {
  const std::string clean = plain_jpeg();
  const std::string head = std::string("JFIF\0\x01\x01\0\0\x01\0\x01", 12);
  const std::string dirty = clean.substr(0, 2) + segment(0xE0, head + "\x01\x01RGB") + clean.substr(20);
  EXPECT_EQ(text_of(strip(dirty).file),
            clean.substr(0, 2) + segment(0xE0, head + std::string(2, '\0')) + clean.substr(20));
}

TEST(StripMetadata, RefusesEveryCutJpeg) {
  const std::string clean = plain_jpeg();
  for (std::size_t length = 3; length < clean.size(); ++length) {
    EXPECT_EQ(code_of(clean.substr(0, length)), ErrorCode::bad_image) << length;
  }
}

std::string chunk(const std::string& type, const std::string& body) {
  return big(body.size(), 4) + type + body + "CRC!";  // the checksum goes along unread
}

TEST(StripMetadata, LeavesOnlyThePictureInAPng) {
  const std::string head = "\x89PNG\r\n\x1A\n";
  const std::string header = chunk("IHDR", big(5, 4) + big(4, 4) + std::string("\x08\x02\0\0\0", 5));
  const std::string rest = chunk("tRNS", "t") + chunk("IDAT", "pixels") + chunk("IEND", "");
  const std::string dirty = head + header + chunk("eXIf", exif(3, true).substr(6)) + chunk("tEXt", "GPS") +
                            chunk("iTXt", "XMP GPS") + chunk("tIME", "1234567") + chunk("prVt", "GPS") + rest + "GPS";
  const StrippedPicture picture = strip(dirty);
  EXPECT_EQ(text_of(picture.file), head + header + rest);
  EXPECT_EQ(picture.orientation, 3);
  EXPECT_EQ(picture.width, 5);
  EXPECT_EQ(picture.height, 4);
  const std::string clean = head + header + rest;
  for (std::size_t length = 8; length < clean.size(); ++length) {
    EXPECT_EQ(code_of(clean.substr(0, length)), ErrorCode::bad_image) << length;
  }
  EXPECT_EQ(code_of(head + big(0xFFFFFFFF, 4) + "IDAT"), ErrorCode::bad_image);
}

std::string little(std::size_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

std::string riff(const std::string& type, const std::string& body) {
  return type + little(body.size(), 4) + body + std::string(body.size() % 2, '\0');
}

TEST(StripMetadata, LeavesOnlyThePictureInAWebp) {
  const auto file = [](int flags, const std::string& extra) {
    const std::string body = "WEBP" +
                             riff("VP8X", little(static_cast<std::size_t>(flags), 4) + little(99, 3) + little(49, 3)) +
                             riff("VP8L", "\x2Fpixel") + extra;
    return "RIFF" + little(body.size(), 4) + body;
  };
  const StrippedPicture picture =
      strip(file(0x1C, riff("EXIF", exif(8, false).substr(6)) + riff("XMP ", "GPS")) + "GPS");
  EXPECT_EQ(text_of(picture.file), file(0x10, ""));
  EXPECT_EQ(picture.orientation, 8);
  EXPECT_EQ(picture.width, 100);
  EXPECT_EQ(picture.height, 50);
  EXPECT_FALSE(picture.animated);
  EXPECT_TRUE(strip(file(0x02, "")).animated);
  const std::string clean = file(0, "");
  for (std::size_t length = 12; length < clean.size(); ++length) {
    EXPECT_EQ(code_of(clean.substr(0, length)), ErrorCode::bad_image) << length;
  }
}

TEST(StripMetadata, ToleratesNonsenseInExif) {
  const std::string clean = plain_jpeg();
  const std::string good = exif(6, true);
  for (std::size_t length = 6; length < 32; ++length) {  // cut anywhere
    EXPECT_NO_THROW(strip(clean.substr(0, 2) + segment(0xE1, good.substr(0, length)) + clean.substr(2)));
  }
  std::string far = good;
  far[10] = far[11] = '\xFF';  // the directory lies outside
  EXPECT_EQ(strip(clean.substr(0, 2) + segment(0xE1, far) + clean.substr(2)).orientation, 1);
  EXPECT_EQ(strip(clean.substr(0, 2) + segment(0xE1, exif(9, true)) + clean.substr(2)).orientation, 1);
}

TEST(StripMetadata, KnowsWhatItDoesNotKnow) {
  for (const char* other : {"GIF89a...", "BM....", "II*\0", "", "RIFF....WAVE"}) {
    EXPECT_FALSE(strip_metadata(bytes_of(other), "test").has_value());
  }
}

}  // namespace
}  // namespace gaze
