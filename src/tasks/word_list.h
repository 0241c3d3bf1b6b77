// Lists that a user gives on the command line or in a file.
#pragma once

#include <string>
#include <vector>

namespace gaze {

// "a,b,c", or a file with one entry a line. Blanks around an entry are not part of it, empty ones are left out; bytes
// that are no UTF-8 become U+FFFD. Errors: usage (more than a thousand, one that comes twice), limit_exceeded.
std::vector<std::string> parse_list(const std::string& list_or_file);

}  // namespace gaze
