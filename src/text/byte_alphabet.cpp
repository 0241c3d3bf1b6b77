#include "text/byte_alphabet.h"

#include "text/unicode.h"

namespace gaze {
namespace {

constexpr bool is_itself(char32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) alphabet[byte] = is_itself(byte) ? byte : next++;
  return alphabet;
}

constexpr std::array<char32_t, 256> kAlphabet = make_alphabet();

constexpr std::array<std::int16_t, 0x144> make_inverse() {
  std::array<std::int16_t, 0x144> inverse{};
  for (auto& byte : inverse) byte = -1;
  for (std::size_t byte = 0; byte < 256; ++byte) inverse[kAlphabet[byte]] = static_cast<std::int16_t>(byte);
  return inverse;
}

constexpr std::array<std::int16_t, 0x144> kInverse = make_inverse();

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() {
  return kAlphabet;
}

int byte_of(char32_t c) {
  return c < kInverse.size() ? kInverse[c] : -1;
}

void append_bytes_as_characters(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) append_utf8(out, kAlphabet[static_cast<unsigned char>(byte)]);
}

}  // namespace gaze
