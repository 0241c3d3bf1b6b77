// parse_json on any bytes: a value that prints again as valid text, or an Error.
#include "base/json.h"

#include <cstdint>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    gaze::dump_json(gaze::parse_json({reinterpret_cast<const char*>(data), size}, "input"));
  } catch (const gaze::Error&) {
  }
  return 0;
}
