#include "tasks/pictures.h"

#include <algorithm>

#include <unistd.h>

#include "base/limits.h"
#include "base/message.h"
#include "base/stream.h"
#include "media/format.h"

namespace gaze {

DecodeOptions decode_options(const ImageProcessor& processor, const PictureOptions& options) {
  DecodeOptions decode{.exif_rotation = options.exif_rotation};
  if (options.fast_decode && processor.do_resize) {
    decode.at_least = processor.shortest_edge > 0 ? processor.shortest_edge
                                                  : std::max(processor.resize_height, processor.resize_width);
  }
  return decode;
}

Bytes read_standard_input(std::int64_t limit, const CancelToken& cancel) {
  return read_stream(STDIN_FILENO, message("standard input"), limit, cancel);
}

Bytes read_picture(const std::filesystem::path& path, const CancelToken& cancel) {
  return path == "-" ? read_standard_input(limits().image_file_bytes, cancel)
                     : read_file(path, limits().image_file_bytes);
}

bool looks_like_picture(const Bytes& bytes) {
  return image_format(bytes) != ImageFormat::unknown;
}

std::vector<std::string> split_lines(const Bytes& bytes) {
  std::vector<std::string> lines;
  const char* const end = reinterpret_cast<const char*>(bytes.data()) + bytes.size();
  for (const char* at = end - bytes.size(); at < end;) {
    const char* const newline = std::find(at, end, '\n');
    const char* const stop = newline < end && newline > at && newline[-1] == '\r' ? newline - 1 : newline;
    lines.emplace_back(at, stop);
    at = newline + (newline < end);
  }
  return lines;
}

}  // namespace gaze
