// A JPEG picture, row by row, so that a resize can eat the rows while they are still in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace gaze {

// Equal to PIL's decoder, which is libjpeg-turbo with its defaults (exact integer DCT, smooth upsampling). One thread
// at a time. `file` outlives the reader.
class JpegReader {
 public:
  // Reads the header. With `at_least` > 0 decodes at the smallest of 1/8, 1/4, 1/2 that leaves both sides at least so
  // long. Errors: bad_image, image_too_large.
  JpegReader(std::span<const std::byte> file, const std::string& name, int at_least = 0);
  ~JpegReader();
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  int width() const;  // of the rows delivered
  int height() const;

  // The next row: width × 3 bytes RGB. Called height() times. Errors: bad_image (the data end early or are broken).
  void read_row(std::uint8_t* rgb);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gaze
