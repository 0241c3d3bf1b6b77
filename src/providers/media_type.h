// What a sound, video or PDF file is called on the web.
#pragma once

#include <filesystem>
#include <string>

namespace gaze {

// The MIME type that a file's extension stands for; empty where it is no sound, video or PDF.
std::string media_mime_type(const std::filesystem::path& path);

}  // namespace gaze
