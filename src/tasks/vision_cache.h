// What models saw in pictures, and what they made of it, kept on the disk: a picture is encoded and read once, whatever
// is asked about it and when.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/limits.h"
#include "catalog/content_hash.h"
#include "models/picture_encoder.h"

namespace gaze {

// A folder of files, one a picture and model; the ones unused for longest go where they are too many. Safe to share
// between threads and processes: each file appears whole. Deleting the folder clears it.
class VisionCache {
 public:
  static constexpr std::int64_t kMostBytes = 2 * GiB;
  // `identity`: changes whenever the model would see something else in the same picture.
  VisionCache(std::filesystem::path folder, std::string identity, std::int64_t most_bytes = kMostBytes)
      : folder_(std::move(folder)), identity_(std::move(identity)), most_bytes_(most_bytes) {}

  // $XDG_CACHE_HOME/gaze/vision.
  static std::filesystem::path default_folder();

  // Nothing where there is none, or one that is not whole. `width`: of a vector.
  std::optional<EncodedPicture> find(const ContentHash& picture, std::int64_t width) const;
  // Where it cannot be written (a full disk), nothing is kept.
  void store(const ContentHash& picture, const EncodedPicture& seen) const;

  // Keys and values of the beginning of a conversation, up to its last picture: `bytes` of them, which `fill` asks
  // for piece by piece. `beginning`: of its tokens and pictures. False where they are not there whole: `fill` may have
  // been left by an Error then.
  using Fill = std::function<void(const std::function<void(std::span<std::byte>)>& piece)>;
  bool find_beginning(const ContentHash& beginning, std::int64_t bytes, const Fill& fill) const;
  // `put` gives the pieces. Nothing is kept where they would push out most else, or cannot be written.
  using Put = std::function<void(const std::function<void(std::span<const std::byte>)>& piece)>;
  void store_beginning(const ContentHash& beginning, std::int64_t bytes, const Put& put) const;

  // What lies in such a folder, of all models.
  struct Use {
    std::int64_t pictures = 0, bytes = 0;  // beginnings count among the bytes
  };
  static Use use_of(const std::filesystem::path& folder);
  // Removes it; returns what it was. Files of others stay. Errors: not_found (a file cannot be removed).
  static Use clear(const std::filesystem::path& folder);

 private:
  std::filesystem::path path_of(const ContentHash& picture, const char* extension = "") const;
  void make_room() const;

  std::filesystem::path folder_;
  std::string identity_;
  std::int64_t most_bytes_;
};

}  // namespace gaze
