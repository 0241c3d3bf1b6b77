#include "media/exif.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <libheif/heif.h>

#include "base/file.h"
#include "media/exif_block.h"

namespace gaze {
namespace {

enum Tag : std::uint16_t {  // Exif 2.32
  kMake = 0x010F,
  kModel = 0x0110,
  kDateTime = 0x0132,
  kExifList = 0x8769,
  kGpsList = 0x8825,
  kDateTimeOriginal = 0x9003,
  kLatitudeRef = 1,
  kLatitude = 2,
  kLongitudeRef = 3,
  kLongitude = 4,
};

// The EXIF block of a HEIF file, without the four bytes that say where in it TIFF begins.
std::vector<std::byte> heif_exif(std::span<const std::byte> file) {
  const std::unique_ptr<heif_context, void (*)(heif_context*)> context(heif_context_alloc(), heif_context_free);
  if (heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr).code !=
      heif_error_Ok) {
    return {};
  }
  heif_image_handle* opened = nullptr;
  if (heif_context_get_primary_image_handle(context.get(), &opened).code != heif_error_Ok) return {};
  const std::unique_ptr<const heif_image_handle, void (*)(const heif_image_handle*)> image(opened,
                                                                                           heif_image_handle_release);
  heif_item_id id = 0;
  if (heif_image_handle_get_list_of_metadata_block_IDs(image.get(), "Exif", &id, 1) != 1) return {};
  std::vector<std::byte> block(heif_image_handle_get_metadata_size(image.get(), id));
  if (block.size() < 4 || heif_image_handle_get_metadata(image.get(), id, block.data()).code != heif_error_Ok)
    return {};
  std::size_t offset = 4;
  for (int i = 0; i < 4; ++i) offset += std::to_integer<std::size_t>(block[i]) << (24 - 8 * i);
  if (offset >= block.size()) return {};
  return {block.begin() + static_cast<std::ptrdiff_t>(offset), block.end()};
}

// "2024:05:01 12:30:00" to ISO 8601; empty where it is not a date ("0000:00:00 00:00:00", "    :  :     :  :  ").
std::string iso_time(const std::optional<std::string>& text) {
  if (!text || text->size() < 19) return {};
  constexpr std::array<int, 6> kAt{0, 5, 8, 11, 14, 17}, kLength{4, 2, 2, 2, 2, 2}, kLeast{1, 1, 1, 0, 0, 0},
      kMost{9999, 12, 31, 23, 59, 60};
  std::array<int, 6> value{};
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char* const begin = text->data() + kAt[i];
    const char* const end = begin + kLength[i];
    if (std::from_chars(begin, end, value[i]).ptr != end || value[i] < kLeast[i] || value[i] > kMost[i]) return {};
  }
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", value[0], value[1], value[2], value[3], value[4], value[5]);
}

// Degrees, minutes, seconds and a letter, as degrees; nothing outside of ±most.
std::optional<double> degrees(const TagList& gps, std::uint16_t ref_tag, std::uint16_t tag, char negative,
                              double most) {
  const auto ref = gps.text(ref_tag);
  const auto whole = gps.rational(tag, 0);
  if (!ref || !whole) return std::nullopt;
  const double value = *whole + gps.rational(tag, 1).value_or(0) / 60 + gps.rational(tag, 2).value_or(0) / 3600;
  if (value > most) return std::nullopt;
  return (*ref)[0] == negative ? -value : value;
}

// "Canon" and "Canon EOS R5" are "Canon EOS R5"; "SONY" and "ILCE-7M3" are "SONY ILCE-7M3". A page of text is no
// camera.
std::string camera(const TagList& list) {
  constexpr std::size_t kMost = 100;
  const std::string make = list.text(kMake).value_or(""), model = list.text(kModel).value_or("");
  std::string name = model.starts_with(make) ? model : model.empty() ? make : make + " " + model;
  name = to_valid_utf8(name);
  std::erase_if(name, [](unsigned char c) { return c < ' ' || c == 0x7F; });
  return name.size() > kMost ? std::string() : name;
}

}  // namespace

ExifFacts read_exif(std::span<const std::byte> file, ImageFormat format) {
  const bool heif = format == ImageFormat::heif || format == ImageFormat::avif;
  const std::vector<std::byte> own = heif ? heif_exif(file) : std::vector<std::byte>();
  const TagList list = TagList::first(heif ? std::span(own) : find_exif(file, format));
  ExifFacts facts;
  facts.taken = iso_time(list.child(kExifList).text(kDateTimeOriginal));
  if (facts.taken.empty()) facts.taken = iso_time(list.text(kDateTime));
  facts.camera = camera(list);
  const TagList gps = list.child(kGpsList);
  const auto latitude = degrees(gps, kLatitudeRef, kLatitude, 'S', 90);
  const auto longitude = degrees(gps, kLongitudeRef, kLongitude, 'W', 180);
  if (latitude && longitude && (*latitude != 0 || *longitude != 0)) facts.place = {*latitude, *longitude};
  return facts;
}

}  // namespace gaze
