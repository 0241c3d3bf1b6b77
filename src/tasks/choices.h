// `--choices`: the answer is one of a list, and how sure the model is of each is told.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tasks/visual_chat.h"
#include "text/tokenizer.h"

namespace gaze {

// As parse_list (word_list.h). Errors: usage (also fewer than two), limit_exceeded.
std::vector<std::string> parse_choices(const std::string& list_or_file);

// Makes the likeliest choice the answer, with the first of the `ends`; `scores` as score_choices gives them for `ids`.
void rank(const std::vector<std::string>& choices, const std::vector<std::vector<TokenId>>& ids,
          const std::vector<double>& scores, std::span<const TokenId> ends, VisualAnswer& answer);

}  // namespace gaze
