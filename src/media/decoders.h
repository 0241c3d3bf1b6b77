// The decoders behind decode_image, one source file each. All throw Error(bad_image) or Error(image_too_large), check
// the size that the header gives before they allocate pixels, and deliver what PIL's convert("RGB") would.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <span>
#include <string>

#include "base/error.h"
#include "media/image.h"

namespace gaze {

using ByteSpan = std::span<const std::byte>;

Image decode_jpeg(ByteSpan file, const std::string& name, int at_least);
Image decode_png(ByteSpan file, const std::string& name);
Image decode_webp(ByteSpan file, const std::string& name);
Image decode_gif(ByteSpan file, const std::string& name);
Image decode_bmp(ByteSpan file, const std::string& name);
Image decode_tiff(ByteSpan file, const std::string& name);  // upright already
Image decode_heif(ByteSpan file, const std::string& name);  // upright already

// Refuses sizes that are not positive or pass limits().image_pixels or image_side.
void check_image_size(std::int64_t width, std::int64_t height, const std::string& name);

// Black; check_image_size first.
Image make_image(int width, int height);

// "name: broken PNG picture: what". `what` is a library's own words and stays in English.
[[noreturn]] void throw_broken(const std::string& name, const char* format, const std::string& what);
// "name: the GIF picture ends too early".
[[noreturn]] void throw_truncated(const std::string& name, const char* format);

// Runs `body` so that a C library's error callback may leave it by longjmp(where, 1); returns false then. What `body`
// holds when it calls the library must need no destructor.
template <class Body>
bool returns_normally(std::jmp_buf& where, Body&& body) {
  if (setjmp(where) != 0) return false;
  body();
  return true;
}

}  // namespace gaze
