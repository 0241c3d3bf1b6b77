// What a terminal needs to know: whether it is one, how wide it is, how wide a text stands in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gaze::cli {

bool is_terminal(int descriptor);
int terminal_width(int descriptor);  // columns; 80 where unknown

// Columns that UTF-8 text takes: Chinese characters and emoji two, combining marks none.
std::size_t display_width(std::string_view text);

// `text` filled with spaces up to `columns`.
std::string padded(std::string_view text, std::size_t columns);

// `text` cut to `columns`, with an ellipsis where something is missing.
std::string fitted(std::string_view text, std::size_t columns);

// A bar of eighths of a block, `columns` wide when `share` is 1.
std::string bar(double share, std::size_t columns);

// Control characters (a file name may hold escape sequences) become U+FFFD: for whatever goes to a terminal.
std::string printable(std::string_view text);

}  // namespace gaze::cli
