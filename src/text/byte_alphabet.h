// GPT-2's alphabet: every byte as one printable character, so that a vocabulary of bytes is a vocabulary of text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace gaze {

// The character of each byte: itself where it is printable in Latin-1, else U+0100 and up in order.
const std::array<char32_t, 256>& byte_alphabet();

// The byte that a character of the alphabet stands for, or -1.
int byte_of(char32_t c);

void append_bytes_as_characters(std::string& out, std::string_view bytes);

}  // namespace gaze
