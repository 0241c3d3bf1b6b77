#include "media/image.h"

#include <cstring>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/limits.h"
#include "media/testing.h"

namespace gaze {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media";

Bytes golden(const char* file) {
  return read_file(kFolder / file, 1 << 20);
}

void put(Bytes& bytes, std::size_t at, std::initializer_list<int> values) {
  for (const int value : values) bytes[at++] = static_cast<std::byte>(value);
}

std::size_t find(const Bytes& bytes, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(text);
}

ErrorCode refusal(const Bytes& bytes) {
  try {
    decode_image(bytes, "picture");
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("picture"), std::string::npos) << error.message();
    return error.code();
  }
  return ErrorCode::internal;  // no refusal
}

long peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// Headers that promise 20,000 × 20,000 pixels are refused by the limit, those that promise 7,000 × 7,000 by the few
// bytes that follow; neither takes the memory first.
TEST(DecodeImage, ChecksTheSizeBeforeItTakesMemory) {
  struct Forgery {
    const char* file;
    const char* mark;  // text before the size
    int after;         // bytes from its beginning to the width
    bool big_endian;
    int bytes;
    bool height_first;
  };
  const Forgery forgeries[] = {
      {"png-c2-d8.png", "IHDR", 4, true, 4, false},  {"png-c3-d8-i.png", "IHDR", 4, true, 4, false},
      {"jpeg-s2.jpg", "\xFF\xC0", 5, true, 2, true}, {"jpeg-s2-progressive.jpg", "\xFF\xC2", 5, true, 2, true},
      {"bmp-RGB.bmp", "BM", 18, false, 4, false},    {"bmp-rle8.bmp", "BM", 18, false, 4, false},
  };
  const long before = peak_mib();
  for (const auto& forgery : forgeries) {
    for (const auto& [side, code] :
         {std::pair{20'000, ErrorCode::image_too_large}, {7'000, ErrorCode::bad_image}, {0, ErrorCode::bad_image}}) {
      Bytes bytes = golden(forgery.file);
      const std::size_t at = find(bytes, forgery.mark) + static_cast<std::size_t>(forgery.after);
      for (int i = 0; i < 2 * forgery.bytes; ++i) {
        const int place = i % forgery.bytes;
        const int shift = 8 * (forgery.big_endian ? forgery.bytes - 1 - place : place);
        bytes[at + static_cast<std::size_t>(i)] = static_cast<std::byte>(side >> shift & 0xFF);
      }
      if (std::string_view(forgery.mark) == "IHDR") {  // with a checksum that fits
        const std::size_t header = at - 4;
        const auto sum = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(&bytes[header]), 17));
        for (int i = 0; i < 4; ++i)
          bytes[header + 17 + static_cast<std::size_t>(i)] = static_cast<std::byte>(sum >> (24 - 8 * i));
      }
      EXPECT_EQ(refusal(bytes), code) << forgery.file << " of " << side;
    }
  }
  Bytes gif = golden("gif.gif");
  put(gif, 6, {0x20, 0x4E, 0x20, 0x4E});
  EXPECT_EQ(refusal(gif), ErrorCode::image_too_large);
  EXPECT_LT(peak_mib() - before, 64);
}

TEST(DecodeImage, LimitsCanBeRaisedAndLowered) {
  const Bytes bytes = golden("png-c2-d8.png");  // 13 × 9
  const Limits usual = limits();
  Limits tight = usual;
  tight.image_pixels = 13 * 9 - 1;
  set_limits(tight);
  EXPECT_EQ(refusal(bytes), ErrorCode::image_too_large);
  tight.image_pixels = 13 * 9;
  tight.image_side = 12;
  set_limits(tight);
  EXPECT_EQ(refusal(bytes), ErrorCode::image_too_large);
  tight.image_side = 13;
  set_limits(tight);
  EXPECT_EQ(decode_image(bytes, "picture").width, 13);
  set_limits(usual);
}

TEST(DecodeImage, RefusesEveryCutOfAPicture) {
  for (const char* file : {"png-c6-d8-i.png", "jpeg-s2.jpg", "jpeg-s1-progressive.jpg", "webp-lossless.webp",
                           "bmp-P.bmp", "gif-interlaced.gif", "tiff-RGB.tif"}) {
    const Bytes whole = golden(file);
    for (std::size_t i = 0; i < 32; ++i) {
      const auto end = static_cast<std::ptrdiff_t>(whole.size() * i / 33);
      EXPECT_EQ(refusal(Bytes(whole.begin(), whole.begin() + end)), ErrorCode::bad_image) << file << " cut at " << end;
    }
  }
}

// The format is what the content says, whatever the name; what is no picture is said to be none.
TEST(DecodeImage, KnowsFormatsByContent) {
  using namespace std::string_view_literals;
  EXPECT_EQ(decode_image(golden("gif.gif"), "photo.jpg").width, 37);
  const std::string_view beginnings[] = {
      ""sv,
      "B"sv,
      "BM"sv,
      "RIFF"sv,
      "RIFFxxxxWEB"sv,
      "\xFF\xD8"sv,
      "\xFF\xD8\xFF"sv,
      "GIF89a"sv,
      "II*\0"sv,
      "<svg/>"sv,
      "%PDF-1.4"sv,
      "\x89PNG\r\n\x1A\n"sv,
      "\0\0\0\x18"
      "ftypheic\0\0\0\0mif1heic"sv,
  };
  for (const std::string_view text : beginnings) {
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    EXPECT_EQ(refusal(Bytes(begin, begin + text.size())), ErrorCode::bad_image) << text;
  }
}

// One cheap scan repeated over a large picture: libjpeg would go through all of them, for minutes.
TEST(DecodeImage, StopsAtEndlessProgressiveScans) {
  Bytes bytes = golden("jpeg-grey-progressive.jpg");
  const std::size_t frame = find(bytes, "\xFF\xC2");
  put(bytes, frame + 5, {0x1F, 0x40, 0x1F, 0x40});  // 8,000 × 8,000: a million blocks
  const std::size_t scan = find(bytes, std::string_view("\xFF\xDA", 2));
  const Bytes one(bytes.begin() + static_cast<std::ptrdiff_t>(scan),
                  bytes.begin() + static_cast<std::ptrdiff_t>(scan) + 40);
  bytes.resize(scan);
  while (bytes.size() < 400'000) bytes.insert(bytes.end(), one.begin(), one.end());
  EXPECT_EQ(refusal(bytes), ErrorCode::bad_image);
}

// `--decode fast`: a fraction whose sides are still long enough, and nearly the same picture.
TEST(DecodeImage, DecodesJpegsAtAFraction) {
  const Bytes bytes = golden("jpeg-s2.jpg");  // 61 × 43
  const std::tuple<int, int, int> fractions[] = {{0, 61, 43},  {43, 61, 43}, {23, 61, 43}, {22, 31, 22},
                                                 {12, 31, 22}, {11, 16, 11}, {1, 8, 6}};
  for (const auto& [at_least, width, height] : fractions) {
    const Image image = decode_image(bytes, "picture", {.at_least = at_least});
    EXPECT_EQ(image.width, width) << at_least;
    EXPECT_EQ(image.height, height) << at_least;
    EXPECT_GE(std::min(image.width, image.height), at_least);
  }
  EXPECT_EQ(decode_image(golden("png-c2-d8.png"), "picture", {.at_least = 2}).width, 13);
}

}  // namespace
}  // namespace gaze
