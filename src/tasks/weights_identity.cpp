#include "tasks/weights_identity.h"

#include <algorithm>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "catalog/content_hash.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kParts = 16, kPartBytes = 16 * 1024;

bool decides_vectors(const fs::path& file) {
  const std::string extension = file.extension().native(), name = file.filename().native();
  return extension == ".safetensors" || extension == ".bin" || extension == ".gguf" || name == "config.json" ||
         name == "preprocessor_config.json";
}

// Name, size, and parts spread evenly from the first byte to the last.
std::string describe(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw Error(ErrorCode::not_found, message("{}: not a file", display(path)));
  const auto size = static_cast<std::int64_t>(file.tellg());
  std::string description = path.filename().native() + '\0' + std::to_string(size) + '\0';
  std::string part(static_cast<std::size_t>(std::min(kPartBytes, size)), '\0');
  for (std::int64_t i = 0; i < kParts; ++i) {
    file.seekg((size - std::ssize(part)) * i / (kParts - 1));
    file.read(part.data(), std::ssize(part));
    description += part;
  }
  return description;
}

}  // namespace

std::string weights_identity(const fs::path& checkpoint) {
  std::set<fs::path> files;
  if (fs::is_directory(checkpoint)) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(checkpoint, unreadable)) {
      if (decides_vectors(entry.path())) files.insert(entry.path());
    }
  } else {
    const std::vector<fs::path> parts = parts_of(checkpoint);
    files.insert(parts.begin(), parts.end());
  }
  std::string all;
  for (const fs::path& file : files) all += describe(file);
  std::string hex;
  for (const std::byte byte : content_hash(std::as_bytes(std::span(all)))) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace gaze
