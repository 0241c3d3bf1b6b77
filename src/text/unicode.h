// Unicode as far as tokenizers need it (data: ICU). Strings in this room are valid UTF-8; Tokenizer::encode sees to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gaze {

struct CodePoint {
  char32_t value;
  std::size_t bytes;  // how long it is in UTF-8
};

// The code point that starts at byte `at` of valid UTF-8; `at` < text.size().
inline CodePoint code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + k])); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

// The code point that ends before byte `end` of valid UTF-8; 0 < `end` <= text.size().
CodePoint code_point_before(std::string_view text, std::size_t end);

void append_utf8(std::string& out, char32_t c);
bool is_valid_utf8(std::string_view bytes);
std::size_t count_code_points(std::string_view text);

// General categories and properties.
bool is_letter(char32_t c);          // \p{L}
bool is_number(char32_t c);          // \p{N}
bool is_whitespace(char32_t c);      // White_Space
bool is_python_space(char32_t c);    // str.isspace and \s of Python: also U+001C to U+001F
bool is_mark(char32_t c);            // \p{M}
bool is_word_character(char32_t c);  // \w of Unicode's regular expressions (UTS #18)

// As BERT's fast tokenizer sees them: by the tables of Unicode 8.
bool is_nonspacing_mark(char32_t c);  // \p{Mn}
bool is_punctuation(char32_t c);      // \p{P} and all of ASCII's
bool is_control(char32_t c);          // \p{Cc}, \p{Cf} and \p{Co} but tab, line feed and carriage return
bool is_cjk_ideograph(char32_t c);    // the blocks that it takes for Chinese

enum class NormalForm { nfc, nfd, nfkc, nfkd };
std::string normalize(std::string_view text, NormalForm form);

// Every code point by itself: no final sigma, no language ("İ" becomes "i" and a combining dot).
std::string lower_case(std::string_view text);

}  // namespace gaze
