// Where in a text something is: a literal, or one of the regular expressions of published tokenizers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gaze {

// Bytes [begin, end) of a text.
struct TextRange {
  std::uint32_t begin, end;
  bool empty() const { return begin == end; }
};

// Immutable; safe to share between threads.
class Pattern {
 public:
  virtual ~Pattern() = default;
  // Appends every match in `text` (valid UTF-8), from left to right, without overlap and never empty.
  virtual void find(std::string_view text, std::vector<TextRange>& matches) const = 0;
};

std::unique_ptr<const Pattern> literal_pattern(std::string literal);

// A regular expression as Oniguruma reads it, which is what tokenizer.json uses. The split patterns of CLIP and GPT-2
// and "\s+" are scanned by hand, in linear time; the others go through ICU with a limit on steps.
// Errors: unsupported_model (not an expression that means the same in ICU); `origin` is named in it.
// find() throws limit_exceeded for a text on which the expression takes too long.
std::unique_ptr<const Pattern> regex_pattern(const std::string& expression, const std::string& origin);

// GPT-2's split into words, each with the space before it.
std::unique_ptr<const Pattern> gpt2_pattern();
// CLIP's split into words; with `special_tokens`, <|startoftext|> and <|endoftext|> are words.
std::unique_ptr<const Pattern> clip_pattern(bool special_tokens);

}  // namespace gaze
