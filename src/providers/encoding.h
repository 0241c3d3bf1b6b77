// Base64 (RFC 4648), and SHA-2/SHA-1 digests through OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"

namespace gaze {

// `bytes` in base64, behind `prefix`.
std::string base64_encode(std::span<const std::byte> bytes, std::string prefix = {});

// Standard or URL-safe alphabet, with or without padding. Errors: invalid_json (`origin` sent something else).
Bytes base64_decode(std::string_view text, const std::string& origin);

// A running digest. Movable, not thread-safe.
class Digest {
 public:
  enum class Kind { sha1, sha256 };
  explicit Digest(Kind kind);
  void update(std::string_view bytes);
  std::string hex();  // ends the digest: call once

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace gaze
