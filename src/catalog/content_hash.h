// What makes a picture the same picture, wherever its file lies and whatever it is called.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <span>

namespace gaze {

// SHA-256 of the whole file (FIPS 180-4): nobody can make two pictures share a row.
using ContentHash = std::array<std::byte, 32>;

ContentHash content_hash(std::span<const std::byte> file);

// For hash tables: the digest is as good as random already.
struct ContentHashHasher {
  std::size_t operator()(const ContentHash& hash) const;
};

}  // namespace gaze
