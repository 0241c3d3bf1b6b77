#include "tasks/vision_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// "gazesee1", the numbers of ids, vectors and numbers a vector, then the ids and the vectors, little-endian.
struct Header {
  char magic[8];
  std::int64_t ids, vectors, width;
};
constexpr char kMagic[] = "gazesee1";
constexpr std::int64_t kMostVectors = 1 << 20;  // far above any picture's

std::string hex(const ContentHash& hash) {
  std::string text;
  for (const std::byte byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

fs::path VisionCache::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  return (cache && *cache ? fs::path(cache) : fs::path(home ? home : "") / ".cache") / "gaze" / "vision";
}

fs::path VisionCache::path_of(const ContentHash& picture) const {
  const std::string key = hex(picture) + identity_;
  return folder_ / hex(content_hash(std::as_bytes(std::span(key))));
}

std::optional<EncodedPicture> VisionCache::find(const ContentHash& picture, std::int64_t width) const {
  const fs::path path = path_of(picture);
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return {};
  try {
    const Bytes file = read_file(path, most_bytes_);
    Header header{};
    if (file.size() < sizeof(header)) return {};
    std::memcpy(&header, file.data(), sizeof(header));
    const bool sane = std::memcmp(header.magic, kMagic, sizeof(header.magic)) == 0 && header.width == width &&
                      header.vectors > 0 && header.vectors <= header.ids && header.ids <= 2 * kMostVectors;
    if (!sane) return {};
    const auto id_bytes = static_cast<std::size_t>(header.ids) * sizeof(TokenId);
    const auto vector_bytes = static_cast<std::size_t>(header.vectors * width) * sizeof(float);
    if (file.size() != sizeof(header) + id_bytes + vector_bytes) return {};
    EncodedPicture seen;
    seen.vectors = Tensor::empty({header.vectors, width}, DType::f32);
    seen.ids.resize(static_cast<std::size_t>(header.ids));
    std::memcpy(seen.ids.data(), file.data() + sizeof(header), id_bytes);
    std::memcpy(seen.vectors.raw(), file.data() + sizeof(header) + id_bytes, vector_bytes);
    fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
    return seen;
  } catch (const Error&) {
    return {};
  }
}

void VisionCache::store(const ContentHash& picture, const EncodedPicture& seen) const {
  Header header{{}, std::ssize(seen.ids), seen.vectors.size(0), seen.vectors.size(1)};
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(reinterpret_cast<const char*>(seen.ids.data()), seen.ids.size() * sizeof(TokenId));
  bytes.append(reinterpret_cast<const char*>(seen.vectors.raw()), seen.vectors.bytes());
  std::error_code fault;
  fs::create_directories(folder_, fault);
  fs::permissions(folder_, fs::perms::owner_all, fault);
  try {
    write_file_atomically(path_of(picture), bytes);
    make_room();
  } catch (const Error&) {
    return;  // the answer matters more than the next one's beginning
  }
}

void VisionCache::make_room() const {
  struct Kept {
    fs::file_time_type used;
    std::int64_t bytes;
    fs::path path;
  };
  std::vector<Kept> all;
  std::int64_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto bytes = static_cast<std::int64_t>(it->file_size(ignored));
    if (ignored) continue;
    all.push_back({it->last_write_time(ignored), bytes, it->path()});
    total += bytes;
  }
  std::ranges::sort(all, {}, &Kept::used);
  for (auto oldest = all.begin(); total > most_bytes_ && oldest != all.end(); ++oldest) {
    fs::remove(oldest->path, error);
    total -= oldest->bytes;
  }
}

}  // namespace gaze
