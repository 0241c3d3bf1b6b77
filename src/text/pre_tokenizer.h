// Steps that cut a text into the words that the model sees one by one: tokenizer.json's "pre_tokenizer".
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"

namespace gaze {

// A text and the words in it, from left to right, none empty. Text between words is dropped.
struct Words {
  std::string text;
  std::vector<TextRange> ranges;
  bool at_start = true;  // the first word is the first of the whole input

  Words(std::string whole, bool first) : text(std::move(whole)), at_start(first) {
    if (!text.empty()) ranges.push_back({0, static_cast<std::uint32_t>(text.size())});
  }
  std::string_view word(const TextRange& range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }
};

// Immutable; safe to share between threads.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Words& words) const = 0;
};

using PreTokenizerPtr = std::unique_ptr<const PreTokenizer>;

// What becomes of the matches of a splitting pattern (names as in tokenizer.json).
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// Split; `invert` makes matches of what lies between the matches.
PreTokenizerPtr split_pre_tokenizer(std::unique_ptr<const Pattern> pattern, SplitBehavior behavior, bool invert);
PreTokenizerPtr bert_pre_tokenizer();              // BertPreTokenizer: whitespace removed, punctuation isolated
PreTokenizerPtr whitespace_pre_tokenizer();        // Whitespace: \w+|[^\w\s]+
PreTokenizerPtr whitespace_split_pre_tokenizer();  // WhitespaceSplit
PreTokenizerPtr punctuation_pre_tokenizer(SplitBehavior behavior);  // Punctuation
PreTokenizerPtr digits_pre_tokenizer(bool individual_digits);       // Digits

// ByteLevel: GPT-2's words where `use_regex`, then every byte as a printable character (text/byte_alphabet.h).
PreTokenizerPtr byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);

// Metaspace: spaces become `replacement`, one is put before the text, and words start at each.
enum class PrependScheme { always, first, never };
PreTokenizerPtr metaspace_pre_tokenizer(std::string replacement, PrependScheme prepend, bool split);

}  // namespace gaze
