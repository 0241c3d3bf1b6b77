#include "providers/encoding.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(std::span<const std::byte> bytes, std::string prefix) {
  static const auto pairs = [] {  // twelve bits as two characters
    std::array<std::array<char, 2>, 1 << 12> table;
    for (std::size_t i = 0; i < table.size(); ++i) table[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
    return table;
  }();
  std::string text = std::move(prefix);
  std::size_t at = text.size();
  text.resize(at + (bytes.size() + 2) / 3 * 4, '=');
  const auto put = [&](std::uint32_t three, std::size_t characters) {
    std::array<char, 4> four;
    std::memcpy(four.data(), pairs[three >> 12].data(), 2);
    std::memcpy(four.data() + 2, pairs[three & 0xFFF].data(), 2);
    std::memcpy(&text[at], four.data(), characters);
    at += 4;
  };
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) put(byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2), 4);
  if (bytes.size() - i == 2) put(byte(i) << 16 | byte(i + 1) << 8, 3);
  if (bytes.size() - i == 1) put(byte(i) << 16, 2);
  return text;
}

Bytes base64_decode(std::string_view text, const std::string& origin) {
  static const auto values = [] {
    std::array<short, 256> table;
    table.fill(-1);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
      table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<short>(i);
    table['-'] = 62;
    table['_'] = 63;
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
