// The words by which a text is found again: what a full-text index stores and what a query asks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gaze {

// Runs of letters and digits in lower case (NFKC), without those that stand in nearly every sentence ("the", 的).
// Chinese, Japanese kana and the like are written without spaces: of such a run come all pairs of neighbours, which
// are mostly words, and each character, so that 狗 finds 小狗. Endings of English words are left to the index.
// Each word once, in the order of the text; empty where nothing is left. `text` may be any bytes.
std::vector<std::string> search_words(std::string_view text);

}  // namespace gaze
