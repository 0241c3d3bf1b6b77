#include "text/token_bytes.h"

#include <charconv>
#include <string_view>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace gaze {
namespace {

// A token of byte-level BPE; one with any other character is its own UTF-8, as added tokens are.
std::string from_alphabet(const std::string& token) {
  std::string bytes;
  for (std::size_t i = 0; i < token.size();) {
    const CodePoint c = code_point_at(token, i);
    const int byte = byte_of(c.value);
    if (byte < 0) return token;
    bytes += static_cast<char>(byte);
    i += c.bytes;
  }
  return bytes;
}

// A token of SentencePiece: "▁" is a space, "<0xE4>" a byte.
std::string from_pieces(const std::string& token) {
  if (token.size() == 6 && token.starts_with("<0x") && token.back() == '>') {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
    if (error == std::errc() && end == token.data() + 5) return {static_cast<char>(byte)};
  }
  constexpr std::string_view kSpace = "▁";
  std::string bytes;
  for (std::size_t i = 0; i < token.size();) {
    const bool space = std::string_view(token).substr(i).starts_with(kSpace);
    bytes += space ? ' ' : token[i];
    i += space ? kSpace.size() : 1;
  }
  return bytes;
}

}  // namespace

std::vector<std::string> bytes_of_tokens(const Tokenizer& tokenizer) {
  const bool byte_level = tokenizer.id("Ċ") >= 0 && tokenizer.id("<0x0A>") < 0;  // the line break of each kind
  std::vector<std::string> all(static_cast<std::size_t>(tokenizer.vocabulary_size()));
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.is_special(id)) continue;
    const std::string token = tokenizer.token(id);
    all[static_cast<std::size_t>(id)] = byte_level ? from_alphabet(token) : from_pieces(token);
  }
  return all;
}

}  // namespace gaze
