#include "media/image_header.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "media/picture_metadata.h"

namespace gaze {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string big16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A TIFF structure of big-endian entries: IFD0 with orientation, make, model, then the EXIF and GPS lists.
class ExifWriter {
 public:
  struct Entry {
    unsigned tag, type, count;
    std::string value;  // four bytes, or data to lie elsewhere
  };

  static std::string number(unsigned long value) { return big16(value >> 16) + big16(value & 0xFFFF); }
  static Entry text(unsigned tag, const std::string& value) {
    return {tag, 2, static_cast<unsigned>(value.size() + 1), value + '\0'};
  }
  static Entry rationals(unsigned tag, std::initializer_list<std::pair<unsigned, unsigned>> values) {
    std::string data;
    for (const auto& [over, under] : values) data += number(over) + number(under);
    return {tag, 5, static_cast<unsigned>(values.size()), data};
  }

  static std::string write(std::vector<Entry> first, const std::vector<Entry>& exif, const std::vector<Entry>& gps) {
    first.push_back({0x8769, 4, 1, number(0)});
    first.push_back({0x8825, 4, 1, number(0)});
    const std::size_t exif_at = 8 + size(first), gps_at = exif_at + size(exif);
    first[first.size() - 2].value = number(exif_at);
    first[first.size() - 1].value = number(gps_at);
    return "MM\0*"s + number(8) + list(first, 8) + list(exif, exif_at) + list(gps, gps_at);
  }

 private:
  static std::size_t size(const std::vector<Entry>& entries) {
    std::size_t total = 6 + 12 * entries.size();
    for (const Entry& entry : entries) total += entry.value.size() > 4 ? entry.value.size() : 0;
    return total;
  }
  static std::string list(const std::vector<Entry>& entries, std::size_t at) {
    std::string head = big16(static_cast<unsigned>(entries.size())), data;
    const std::size_t data_at = at + 6 + 12 * entries.size();
    for (const Entry& entry : entries) {
      head += big16(entry.tag) + big16(entry.type) + number(entry.count);
      if (entry.value.size() > 4) {
        head += number(data_at + data.size());
        data += entry.value;
      } else {
        head += entry.value + std::string(4 - entry.value.size(), '\0');
      }
    }
    return head + number(0) + data;
  }
};

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
  const std::string exif = ExifWriter::write({{0x0112, 3, 1, big16(6)}}, {}, {});
  EXPECT_EQ(read_image_header(bytes(jpeg(exif))).width, 480);
  EXPECT_EQ(read_image_header(bytes(jpeg(exif)), false).width, 640);
}

TEST(PictureMetadata, ReadsWhenWhereAndWithWhat) {
  const std::string exif =
      ExifWriter::write({ExifWriter::text(0x010F, "Canon"), ExifWriter::text(0x0110, "Canon EOS R5"),
                         ExifWriter::text(0x0132, "2025:01:01 00:00:00")},
                        {ExifWriter::text(0x9003, "2024:05:01 18:30:05"), ExifWriter::text(0x9011, "+02:00")},
                        {ExifWriter::text(1, "S"), ExifWriter::rationals(2, {{33, 1}, {51, 1}, {3000, 100}}),
                         ExifWriter::text(3, "E"), ExifWriter::rationals(4, {{151, 1}, {12, 1}, {0, 1}})});
  const std::string file = jpeg(exif);
  const PictureMetadata metadata = read_picture_metadata(bytes(file));
  EXPECT_EQ(metadata.taken, "2024-05-01T18:30:05+02:00");
  EXPECT_EQ(metadata.camera, "Canon EOS R5");
  ASSERT_TRUE(metadata.place);
  EXPECT_NEAR(metadata.place->latitude, -33.858333, 1e-6);
  EXPECT_NEAR(metadata.place->longitude, 151.2, 1e-6);
  for (std::size_t length = 0; length < file.size(); ++length) read_picture_metadata(bytes(file).first(length));
}

TEST(PictureMetadata, LeavesOutWhatMakesNoSense) {
  for (const char* time :
       {"0000:00:00 00:00:00", "2024:13:01 10:00:00", "yesterday", "2024:05:01", "2024: 5: 1 10:00:00"}) {
    const std::string exif = ExifWriter::write({}, {ExifWriter::text(0x9003, time)}, {});
    EXPECT_EQ(read_picture_metadata(bytes(jpeg(exif))).taken, "") << time;
  }
  const std::string exif =
      ExifWriter::write({ExifWriter::text(0x010F, "Maker\xFF"), ExifWriter::text(0x0110, "X1"),
                         ExifWriter::text(0x0132, "2025:01:01 00:00:00")},
                        {}, {ExifWriter::rationals(2, {{91, 1}}), ExifWriter::rationals(4, {{1, 0}})});
  const PictureMetadata metadata = read_picture_metadata(bytes(jpeg(exif)));
  EXPECT_EQ(metadata.camera, "Maker\uFFFD X1");
  EXPECT_EQ(metadata.taken, "2025-01-01T00:00:00");
  EXPECT_FALSE(metadata.place);
  EXPECT_EQ(read_picture_metadata({}).camera, "");
}

}  // namespace
}  // namespace gaze
