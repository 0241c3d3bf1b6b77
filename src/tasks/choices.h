// `--choices`: the answer is one of a list, and how sure the model is of each is told.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tasks/visual_chat.h"
#include "text/tokenizer.h"

namespace gaze {

// "a,b,c", or a file with one choice a line. Blanks around a choice are not part of it, empty ones are left out.
// Errors: usage (fewer than two, more than a thousand, one that comes twice), limit_exceeded.
std::vector<std::string> parse_choices(const std::string& list_or_file);

// Makes the likeliest choice the answer, with the first of the `ends`; `scores` as score_choices gives them for `ids`.
void rank(const std::vector<std::string>& choices, const std::vector<std::vector<TokenId>>& ids,
          const std::vector<double>& scores, std::span<const TokenId> ends, VisualAnswer& answer);

}  // namespace gaze
