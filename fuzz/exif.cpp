// read_exif on any bytes, in each container it looks into.
#include "media/exif.h"

#include <cmath>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "media/exif_block.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  for (const auto format : {gaze::ImageFormat::jpeg, gaze::ImageFormat::png, gaze::ImageFormat::webp,
                            gaze::ImageFormat::tiff, gaze::ImageFormat::heif}) {
    const gaze::ExifFacts facts = gaze::read_exif(file, format);
    GAZE_CHECK(facts.taken.empty() || facts.taken.size() == 19);
    if (facts.place) GAZE_CHECK(std::abs(facts.place->latitude) <= 90 && std::abs(facts.place->longitude) <= 180);
    const int orientation = gaze::exif_orientation(gaze::find_exif(file, format));
    GAZE_CHECK(orientation >= 1 && orientation <= 8);
  }
  return 0;
}
