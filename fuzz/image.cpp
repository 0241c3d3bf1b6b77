// decode_image on any bytes: a picture or an Error, nothing else.
#include "media/image.h"

#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/error.h"
#include "base/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool small = [] {  // large pictures only slow the search down
    gaze::Limits limits;
    limits.image_pixels = 1'000'000;
    gaze::set_limits(limits);
    return true;
  }();
  (void)small;
  try {
    const auto image =
        gaze::decode_image(std::as_bytes(std::span(data, size)), "input", {.at_least = size % 2 ? 8 : 0});
    GAZE_CHECK(image.width > 0 && image.height > 0);
    GAZE_CHECK(image.rgb.size() == static_cast<std::size_t>(image.width) * image.height * 3);
  } catch (const gaze::Error&) {
  }
  return 0;
}
