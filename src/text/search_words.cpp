#include "text/search_words.h"

#include <algorithm>
#include <array>

#include "base/file.h"
#include "text/unicode.h"

namespace gaze {
namespace {

constexpr std::array<std::string_view, 33> kStopWords{
    "a",    "an",  "and",   "are",   "as",   "at",   "be",  "by",  "for",   "from", "has",
    "he",   "her", "his",   "in",    "is",   "it",   "its", "of",  "on",    "or",   "she",
    "that", "the", "their", "there", "they", "this", "to",  "was", "while", "who",  "with"};

// Particles, the commonest classifier and preposition: they part words.
constexpr std::u32string_view kStopCharacters = U"的了着地得在和与一是个有";

bool is_unspaced(char32_t c) {
  return is_cjk_ideograph(c) || (c >= 0x3040 && c <= 0x30FF);
}

class Words {
 public:
  void add(std::string word) {
    const bool common = std::find(kStopWords.begin(), kStopWords.end(), word) != kStopWords.end();
    if (word.empty() || common || std::find(words_.begin(), words_.end(), word) != words_.end()) return;
    words_.push_back(std::move(word));
  }
  std::vector<std::string> finish() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> search_words(std::string_view bytes) {
  const std::string text = lower_case(normalize(to_valid_utf8(bytes), NormalForm::nfkc));
  Words words;
  std::string spaced, before;  // the word so far; the unspaced character before
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const std::string character = text.substr(at, point.bytes);
    at += point.bytes;
    const bool unspaced = is_unspaced(point.value) && kStopCharacters.find(point.value) == std::u32string_view::npos;
    if (unspaced) {
      words.add(std::move(spaced));
      spaced.clear();
      if (!before.empty()) words.add(before + character);
      words.add(character);
    }
    before = unspaced ? character : "";
    if (!is_unspaced(point.value) && (is_letter(point.value) || is_number(point.value) || is_mark(point.value))) {
      spaced += character;
    } else {
      words.add(std::move(spaced));
      spaced.clear();
    }
  }
  words.add(std::move(spaced));
  return words.finish();
}

}  // namespace gaze
