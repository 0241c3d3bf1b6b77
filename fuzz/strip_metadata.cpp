// What strip_metadata lets through is stripped already: doing it again changes nothing.
#include "media/strip_metadata.h"

#include <cstdint>
#include <cstdlib>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto once = gaze::strip_metadata(std::as_bytes(std::span(data, size)), "input");
    if (!once) return 0;
    const auto twice = gaze::strip_metadata(once->file, "input");
    if (!twice || twice->file != once->file || twice->orientation != 1) std::abort();
  } catch (const gaze::Error&) {
  }
  return 0;
}
