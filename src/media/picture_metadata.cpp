#include "media/picture_metadata.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <tuple>
#include <vector>

#include <libheif/heif.h>

#include "base/file.h"
#include "media/exif_block.h"
#include "media/format.h"

namespace gaze {
namespace {

// Tags of EXIF 2.32.
constexpr std::uint16_t kMake = 0x010F, kModel = 0x0110, kDateTime = 0x0132, kExifList = 0x8769, kGpsList = 0x8825,
                        kDateTimeOriginal = 0x9003, kOffsetTime = 0x9010, kOffsetTimeOriginal = 0x9011,
                        kLatitudeRef = 1, kLatitude = 2, kLongitudeRef = 3, kLongitude = 4;

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

// "2024:05:01 18:30:00" as ISO 8601; empty where it is no time.
std::string iso_time(const std::string& exif) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, length = 0;
  if (std::sscanf(exif.c_str(), "%4d:%2d:%2d %2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &length) !=
          6 ||
      length != 19) {
    return {};
  }
  const bool makes_sense = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 && hour < 24 &&
                           minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  if (!makes_sense) return {};
  std::string iso = exif.substr(0, 19);
  iso[4] = iso[7] = '-';
  iso[10] = 'T';
  return iso.find(' ') == std::string::npos ? iso : std::string();
}

bool is_offset(const std::string& text) {  // "+02:00"
  int hours = 0, minutes = 0, length = 0;
  return text.size() == 6 && (text[0] == '+' || text[0] == '-') &&
         std::sscanf(text.c_str() + 1, "%2d:%2d%n", &hours, &minutes, &length) == 2 && length == 5 && hours <= 14 &&
         minutes < 60;
}

std::string taken(const TagList& first, const TagList& exif) {
  for (const auto& [list, tag, offset_tag] :
       {std::tuple(&exif, kDateTimeOriginal, kOffsetTimeOriginal), std::tuple(&first, kDateTime, kOffsetTime)}) {
    const std::string time = iso_time(list->text(tag).value_or(""));
    if (time.empty()) continue;
    const std::string offset = exif.text(offset_tag).value_or("");
    return is_offset(offset) ? time + offset : time;
  }
  return {};
}

std::string camera(const TagList& first) {
  const std::string make = first.text(kMake).value_or(""), model = first.text(kModel).value_or("");
  if (make.empty() || model.starts_with(make)) return to_valid_utf8(model);
  return to_valid_utf8(model.empty() ? make : make + " " + model);
}

// Degrees, minutes and seconds, negative in the direction of `negative`.
std::optional<double> degrees(const TagList& gps, std::uint16_t tag, std::uint16_t ref_tag, const char* negative,
                              double most) {
  const auto whole = gps.rational(tag, 0);
  if (!whole) return {};
  const double value = *whole + gps.rational(tag, 1).value_or(0) / 60 + gps.rational(tag, 2).value_or(0) / 3600;
  if (!std::isfinite(value) || value < 0 || value > most) return {};
  return gps.text(ref_tag).value_or("") == negative ? -value : value;
}

}  // namespace

PictureMetadata read_picture_metadata(std::span<const std::byte> file) {
  const ImageFormat format = image_format(file);
  std::vector<std::byte> owned;
  std::span<const std::byte> block;
  if (format == ImageFormat::heif || format == ImageFormat::avif) {
    owned = heif_exif(file);
    block = owned;
  } else {
    block = find_exif(file, format);
  }
  if (block.empty()) return {};
  const TagList first = TagList::first(block);
  const TagList gps = first.child(kGpsList);
  PictureMetadata metadata{taken(first, first.child(kExifList)), camera(first), {}};
  const auto latitude = degrees(gps, kLatitude, kLatitudeRef, "S", 90);
  const auto longitude = degrees(gps, kLongitude, kLongitudeRef, "W", 180);
  if (latitude && longitude) metadata.place = {*latitude, *longitude};
  return metadata;
}

}  // namespace gaze
