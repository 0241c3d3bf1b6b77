#include "providers/media_type.h"

#include <cctype>
#include <utility>

namespace gaze {

std::string media_mime_type(const std::filesystem::path& path) {
  static constexpr std::pair<const char*, const char*> kTypes[] = {
      {".wav", "audio/wav"},       {".mp3", "audio/mpeg"},       {".m4a", "audio/mp4"},
      {".aac", "audio/aac"},       {".ogg", "audio/ogg"},        {".flac", "audio/flac"},
      {".mp4", "video/mp4"},       {".mov", "video/quicktime"},  {".webm", "video/webm"},
      {".avi", "video/x-msvideo"}, {".mkv", "video/x-matroska"}, {".mpeg", "video/mpeg"},
      {".pdf", "application/pdf"}};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto& [name, type] : kTypes) {
    if (extension == name) return type;
  }
  return {};
}

}  // namespace gaze
