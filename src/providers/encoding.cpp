#include "providers/encoding.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"

namespace gaze {

std::string base64_encode(std::span<const std::byte> bytes, std::string prefix) {
  GAZE_CHECK(bytes.size() < (std::size_t{1} << 30));
  std::string text = std::move(prefix);
  const std::size_t before = text.size();
  text.resize(before + (bytes.size() + 2) / 3 * 4 + 1);  // and the zero that OpenSSL appends
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data() + before),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(before + static_cast<std::size_t>(length));
  return text;
}

Bytes base64_decode(std::string_view text, const std::string& origin) {
  static const auto values = [] {
    std::array<short, 256> table;
    table.fill(-1);
    const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (std::size_t i = 0; i < alphabet.size(); ++i)
      table[static_cast<unsigned char>(alphabet[i])] = static_cast<short>(i);
    table['+'] = table['-'] = 62;
    table['/'] = table['_'] = 63;
    return table;
  }();
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) throw Error(ErrorCode::invalid_json, message("{}: not valid base64", origin));
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::byte>(buffer >> bits & 0xFF));
    }
  }
  if (bits >= 6) throw Error(ErrorCode::invalid_json, message("{}: not valid base64", origin));
  return bytes;
}

void Digest::Free::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Digest::Digest(Kind kind) : context_(EVP_MD_CTX_new()) {
  const EVP_MD* algorithm = kind == Kind::sha1 ? EVP_sha1() : EVP_sha256();
  GAZE_CHECK(context_ && EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), algorithm, nullptr) == 1);
}

void Digest::update(std::string_view bytes) {
  GAZE_CHECK(EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), bytes.data(), bytes.size()) == 1);
}

std::string Digest::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  GAZE_CHECK(EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest, &length) == 1);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Digest digest(Digest::Kind::sha256);
  digest.update(bytes);
  return digest.hex();
}

}  // namespace gaze
