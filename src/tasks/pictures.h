// Pictures as a user names them: files, or standard input as "-".
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/file.h"
#include "media/image_processor.h"

namespace gaze {

struct PictureOptions {
  bool exif_rotation = true;
  bool fast_decode = false;  // `--decode fast`: a JPEG at the smallest fraction that still covers the model's input
};

// How to decode pictures for this processor.
DecodeOptions decode_options(const ImageProcessor& processor, const PictureOptions& options);

// All of standard input. Errors: limit_exceeded, not_found, cancelled.
Bytes read_standard_input(std::int64_t limit, const CancelToken& cancel);

// The bytes of a picture file, or of standard input. Errors: not_found, limit_exceeded, cancelled.
Bytes read_picture(const std::filesystem::path& path, const CancelToken& cancel);

// True where the bytes begin as a picture does, and not as a list of paths.
bool looks_like_picture(const Bytes& bytes);

// The lines of a text, LF or CRLF; an empty line is an empty text.
std::vector<std::string> split_lines(const Bytes& bytes);

}  // namespace gaze
