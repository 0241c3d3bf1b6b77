// A bound on what the rules of a hostile tokenizer file can make of a text.
#pragma once

#include <string>

namespace gaze {

// Errors: limit_exceeded (more than 32 times limits().text_bytes: real rules make a text 18 times as long at most).
void check_length(const std::string& text);

}  // namespace gaze
