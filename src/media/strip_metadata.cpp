#include "media/strip_metadata.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

// A file read from the front; every step is checked against what is left.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  std::size_t left() const { return bytes_.size() - at_; }
  std::size_t position() const { return at_; }
  std::span<const std::byte> take(std::size_t count) {
    if (count > left()) fail();
    const auto piece = bytes_.subspan(at_, count);
    at_ += count;
    return piece;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::size_t big(int bytes) {
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
    return value;
  }
  std::size_t little32() {
    std::size_t value = 0;
    for (int i = 0; i < 4; ++i) value |= static_cast<std::size_t>(byte()) << (8 * i);
    return value;
  }
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::bad_image, message("{}: cut short or malformed at byte {}", name_, at_));
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
  std::size_t at_ = 0;
};

bool begins(std::span<const std::byte> bytes, std::string_view prefix) {
  return bytes.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), bytes.begin(), [](char a, std::byte b) { return std::byte(a) == b; });
}

std::uint8_t at(std::span<const std::byte> bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

void append(Bytes& out, std::span<const std::byte> bytes) {
  out.resize(out.size() + bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.end() - static_cast<std::ptrdiff_t>(bytes.size()));
}

// Tag 0x0112 of the first directory of a TIFF block (EXIF 2.32, 4.6.2); 1 where there is none or it makes no sense.
int exif_orientation(std::span<const std::byte> tiff) {
  if (begins(tiff, {"Exif\0\0", 6})) tiff = tiff.subspan(6);
  const bool little = begins(tiff, {"II*\0", 4});
  if (!little && !begins(tiff, {"MM\0*", 4})) return 1;
  const auto number = [&](std::size_t offset, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | at(tiff, offset + (little ? bytes - 1 - i : i));
    }
    return value;
  };
  if (tiff.size() < 8) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > tiff.size() - 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return 1;
    if (number(entry, 2) != 0x0112) continue;
    const std::size_t value = number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

constexpr std::uint8_t kSoi = 0xD8, kEoi = 0xD9, kSos = 0xDA, kApp0 = 0xE0, kApp1 = 0xE1, kApp2 = 0xE2, kApp14 = 0xEE,
                       kApp15 = 0xEF, kCom = 0xFE, kTem = 0x01, kRst0 = 0xD0, kRst7 = 0xD7;

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// ITU-T T.81, annex B. What follows the end marker (a second picture, a film) is left behind.
std::optional<StrippedPicture> strip_jpeg(std::span<const std::byte> file, const std::string& name) {
  StrippedPicture picture{.file = {}, .mime_type = "image/jpeg"};
  Bytes& out = picture.file;
  out.reserve(file.size());
  const auto put_segment = [&](std::uint8_t marker, std::span<const std::byte> body) {
    const std::size_t length = body.size() + 2;
    for (const std::size_t value : {std::size_t{0xFF}, std::size_t{marker}, length >> 8, length & 0xFF}) {
      out.push_back(static_cast<std::byte>(value));
    }
    append(out, body);
  };

  Reader reader(file, name);
  append(out, reader.take(2));
  bool has_exif = false;
  while (true) {
    if (reader.byte() != 0xFF) reader.fail();
    std::uint8_t marker = reader.byte();
    while (marker == 0xFF) marker = reader.byte();
    if (marker == kEoi) {
      out.push_back(std::byte{0xFF});
      out.push_back(std::byte{kEoi});
      break;
    }
    if (marker == kTem || (marker >= kRst0 && marker <= kRst7)) continue;
    if (marker == 0x00 || marker == kSoi) reader.fail();
    const std::size_t length = reader.big(2);
    if (length < 2) reader.fail();
    const auto body = reader.take(length - 2);

    if (marker == kApp0 && begins(body, {"JFIF\0", 5}) && body.size() >= 14) {
      Bytes jfif(body.begin(), body.begin() + 14);
      jfif[12] = jfif[13] = std::byte{0};  // no thumbnail
      put_segment(marker, jfif);
      continue;
    }
    if (marker == kApp1 && begins(body, {"Exif\0\0", 6}) && !has_exif) {
      picture.orientation = exif_orientation(body);
      has_exif = true;
    }
    const bool colour =
        (marker == kApp2 && begins(body, {"ICC_PROFILE\0", 12})) || (marker == kApp14 && begins(body, "Adobe"));
    if ((marker >= kApp0 && marker <= kApp15 && !colour) || marker == kCom) continue;
    if (is_frame_header(marker)) {
      if (body.size() < 5) reader.fail();
      picture.height = at(body, 1) << 8 | at(body, 2);
      picture.width = at(body, 3) << 8 | at(body, 4);
    }
    put_segment(marker, body);
    if (marker != kSos) continue;

    // Entropy-coded data: up to a marker that is neither a stuffed zero nor a restart.
    const std::size_t begin = reader.position();
    std::size_t end = begin;
    for (;; ++end) {
      const void* found = end < file.size() ? std::memchr(&file[end], 0xFF, file.size() - end) : nullptr;
      end = found ? static_cast<std::size_t>(static_cast<const std::byte*>(found) - file.data()) : file.size();
      if (end + 1 >= file.size()) {
        reader.take(reader.left());
        reader.fail();
      }
      const std::uint8_t next = at(file, end + 1);
      if (next != 0x00 && next != 0xFF && !(next >= kRst0 && next <= kRst7)) break;
    }
    append(out, reader.take(end - begin));
  }
  if (picture.width == 0 || picture.height == 0) return {};  // the height follows in a DNL marker: decode it instead
  return picture;
}

// PNG, third edition, 5: chunks of length, type, data, CRC.
StrippedPicture strip_png(std::span<const std::byte> file, const std::string& name) {
  static constexpr std::string_view kKept[] = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "cHRM", "gAMA",
                                               "iCCP", "sBIT", "sRGB", "cICP", "mDCV", "cLLI", "bKGD"};
  StrippedPicture picture{.file = {}, .mime_type = "image/png"};
  Reader reader(file, name);
  append(picture.file, reader.take(8));
  while (true) {
    const std::size_t begin = reader.position();
    const std::size_t length = reader.big(4);
    const auto type = reader.take(4);
    const auto body = reader.take(length);
    reader.take(4);
    if (begins(type, "IHDR")) {
      if (length < 13) reader.fail();
      Reader header(body, name);
      picture.width = static_cast<int>(std::min<std::size_t>(header.big(4), INT32_MAX));
      picture.height = static_cast<int>(std::min<std::size_t>(header.big(4), INT32_MAX));
    }
    if (begins(type, "eXIf")) picture.orientation = exif_orientation(body);
    if (std::any_of(std::begin(kKept), std::end(kKept), [&](std::string_view kept) { return begins(type, kept); })) {
      append(picture.file, file.subspan(begin, length + 12));
    }
    if (begins(type, "IEND")) break;
  }
  if (picture.width == 0 || picture.height == 0) reader.fail();
  return picture;
}

// WebP container (RFC 9649, 2.7): RIFF chunks; the VP8X flags must agree with what is there.
StrippedPicture strip_webp(std::span<const std::byte> file, const std::string& name) {
  constexpr std::uint8_t kExifFlag = 0x08, kXmpFlag = 0x04, kAnimationFlag = 0x02;
  static constexpr std::string_view kKept[] = {"VP8X", "ICCP", "ALPH", "VP8 ", "VP8L", "ANIM", "ANMF"};
  StrippedPicture picture{.file = {}, .mime_type = "image/webp"};
  Bytes& out = picture.file;
  Reader reader(file, name);
  append(out, reader.take(4));
  const std::size_t riff = reader.little32();
  if (riff < 4 || riff > reader.left()) reader.fail();
  out.resize(8);
  append(out, reader.take(4));
  const std::size_t end = 8 + riff;
  while (reader.position() + 8 <= end) {
    const std::size_t begin = reader.position();
    const auto type = reader.take(4);
    const std::size_t length = reader.little32();
    const auto body = reader.take(length);
    if (length % 2 == 1 && reader.left() > 0) reader.take(1);
    if (begins(type, "EXIF")) picture.orientation = exif_orientation(body);
    if (std::none_of(std::begin(kKept), std::end(kKept), [&](std::string_view kept) { return begins(type, kept); })) {
      continue;
    }
    const std::size_t copied = out.size();
    append(out, file.subspan(begin, 8 + length));
    if (length % 2 == 1) out.push_back(std::byte{0});
    const auto size24 = [&](std::size_t i) { return 1 + (at(body, i) | at(body, i + 1) << 8 | at(body, i + 2) << 16); };
    if (begins(type, "VP8X")) {
      if (length < 10) reader.fail();
      picture.animated = (at(body, 0) & kAnimationFlag) != 0;
      out[copied + 8] = static_cast<std::byte>(at(body, 0) & ~(kExifFlag | kXmpFlag));
      picture.width = size24(4);
      picture.height = size24(7);
    } else if (begins(type, "VP8 ") && picture.width == 0) {
      if (length < 10) reader.fail();
      picture.width = (at(body, 6) | at(body, 7) << 8) & 0x3FFF;
      picture.height = (at(body, 8) | at(body, 9) << 8) & 0x3FFF;
    } else if (begins(type, "VP8L") && picture.width == 0) {
      if (length < 5) reader.fail();
      const unsigned bits =
          at(body, 1) | at(body, 2) << 8 | at(body, 3) << 16 | static_cast<unsigned>(at(body, 4)) << 24;
      picture.width = static_cast<int>(bits & 0x3FFF) + 1;
      picture.height = static_cast<int>(bits >> 14 & 0x3FFF) + 1;
    }
  }
  if (picture.width == 0 || picture.height == 0) reader.fail();
  const std::size_t size = out.size() - 8;
  for (std::size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<std::byte>(size >> (8 * i) & 0xFF);
  return picture;
}

}  // namespace

std::optional<StrippedPicture> strip_metadata(std::span<const std::byte> file, const std::string& name) {
  if (begins(file, {"\xFF\xD8\xFF", 3})) return strip_jpeg(file, name);
  if (begins(file, "\x89PNG\r\n\x1A\n")) return strip_png(file, name);
  if (begins(file, "RIFF") && file.size() >= 12 && begins(file.subspan(8), "WEBP")) return strip_webp(file, name);
  return {};
}

}  // namespace gaze
