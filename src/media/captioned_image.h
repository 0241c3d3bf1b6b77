// A picture with its caption under it, in the manner of a contact sheet: what `gaze caption --show` writes.
#pragma once

#include <filesystem>
#include <string>

#include "media/image.h"

namespace gaze {

// The picture is made smaller where a side is longer than 1,280 pixels; the caption wraps under it. The PNG appears
// whole or not at all. Errors: out_of_memory, write_file_atomically's.
void write_captioned_image(const std::filesystem::path& output, const Image& image, const std::string& caption);

}  // namespace gaze
