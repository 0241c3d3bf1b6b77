#include "catalog/content_hash.h"

#include <cstring>

#include <openssl/evp.h>

#include "base/check.h"

namespace gaze {

ContentHash content_hash(std::span<const std::byte> file) {
  ContentHash hash;
  unsigned int length = 0;
  GAZE_CHECK(EVP_Digest(file.data(), file.size(), reinterpret_cast<unsigned char*>(hash.data()), &length, EVP_sha256(),
                        nullptr) == 1);
  GAZE_CHECK(length == hash.size());
  return hash;
}

std::size_t ContentHashHasher::operator()(const ContentHash& hash) const {
  std::size_t value;
  std::memcpy(&value, hash.data(), sizeof(value));
  return value;
}

}  // namespace gaze
