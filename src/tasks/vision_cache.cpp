#include "tasks/vision_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "base/new_file.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// "gazesee1", the numbers of ids, vectors and numbers a vector, then the ids and the vectors, little-endian.
struct Header {
  char magic[8];
  std::int64_t ids, vectors, width;
};
constexpr char kMagic[] = "gazesee1";
// Then what the decoder's cache holds, as it lies there.
constexpr std::string_view kBeginningMagic = "gazeread1";
constexpr const char *kBeginning = ".read", *kUnfinished = ".read.new";
constexpr std::int64_t kMostVectors = 1 << 20;  // far above any picture's

std::string hex(const ContentHash& hash) {
  std::string text;
  for (const std::byte byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

constexpr std::size_t kNameLength = 2 * sizeof(ContentHash);

struct Kept {
  fs::file_time_type used;
  std::int64_t bytes;
  fs::path path;
  bool is_picture() const { return !path.has_extension(); }
};

// The files of a cache: those that are named as it names them.
std::vector<Kept> all_in(const fs::path& folder) {
  std::vector<Kept> all;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string(), kind = name.substr(std::min(name.size(), kNameLength));
    const bool ours = name.find_first_not_of("0123456789abcdef") >= kNameLength &&
                      (kind.empty() ? name.size() == kNameLength : kind == kBeginning || kind == kUnfinished);
    std::error_code ignored;
    const auto bytes = static_cast<std::int64_t>(it->file_size(ignored));
    if (ours && !ignored) all.push_back({it->last_write_time(ignored), bytes, it->path()});
  }
  return all;
}

}  // namespace

fs::path VisionCache::default_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  return (cache && *cache ? fs::path(cache) : fs::path(home ? home : "") / ".cache") / "gaze" / "vision";
}

fs::path VisionCache::path_of(const ContentHash& picture, const char* extension) const {
  const std::string key = hex(picture) + identity_;
  return folder_ / (hex(content_hash(std::as_bytes(std::span(key)))) + extension);
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

bool VisionCache::find_beginning(const ContentHash& beginning, std::int64_t bytes, const Fill& fill) const try {
  const fs::path path = path_of(beginning, kBeginning);
  std::error_code missing, ignored;
  const auto size = static_cast<std::int64_t>(fs::file_size(path, missing));
  if (missing || size != std::ssize(kBeginningMagic) + bytes) return false;
  std::ifstream file(path, std::ios::binary);
  std::string magic(kBeginningMagic.size(), '\0');
  if (!file.read(magic.data(), std::ssize(magic)) || magic != kBeginningMagic) return false;
  fill([&](std::span<std::byte> piece) {
    if (file.read(reinterpret_cast<char*>(piece.data()), std::ssize(piece))) return;
    throw Error(ErrorCode::not_found, message("{}: not a file", display(path)));
  });
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return true;
} catch (const Error&) {
  return false;
}

void VisionCache::store_beginning(const ContentHash& beginning, std::int64_t bytes, const Put& put) const {
  if (bytes > most_bytes_ / 4) return;
  std::error_code fault;
  fs::create_directories(folder_, fault);
  fs::permissions(folder_, fs::perms::owner_all, fault);
  try {
    const fs::path unfinished = path_of(beginning, kUnfinished);  // one writes it at a time
    NewFile file(unfinished);
    file.write(std::as_bytes(std::span(kBeginningMagic)));
    put([&](std::span<const std::byte> piece) { file.write(piece); });
    file.commit();
    fs::rename(unfinished, path_of(beginning, kBeginning), fault);
    make_room();
  } catch (const Error&) {
    return;  // as above
  }
}

VisionCache::Use VisionCache::use_of(const fs::path& folder) {
  Use use;
  for (const Kept& each : all_in(folder)) use.pictures += each.is_picture(), use.bytes += each.bytes;
  return use;
}

VisionCache::Use VisionCache::clear(const fs::path& folder) {
  Use use;
  for (const Kept& each : all_in(folder)) {
    std::error_code error;
    if (!fs::remove(each.path, error) && error) {
      throw Error(ErrorCode::not_found, message("{}: cannot be removed: {}", display(each.path), error.message()));
    }
    use.pictures += each.is_picture(), use.bytes += each.bytes;
  }
  return use;
}

void VisionCache::make_room() const {
  std::vector<Kept> all = all_in(folder_);
  std::int64_t total = 0;
  for (const Kept& each : all) total += each.bytes;
  std::ranges::sort(all, {}, &Kept::used);
  for (auto oldest = all.begin(); total > most_bytes_ && oldest != all.end(); ++oldest) {
    std::error_code ignored;
    fs::remove(oldest->path, ignored);
    total -= oldest->bytes;
  }
}

}  // namespace gaze
