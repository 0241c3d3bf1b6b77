#include "text/pre_tokenizer.h"

#include <algorithm>
#include <utility>

#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace gaze {
namespace {

// A piece of a word, and whether it is a match of the splitting pattern.
struct Piece {
  TextRange range;
  bool is_match;
};

// The whole of `word`, cut at the matches.
std::vector<Piece> pieces_of(std::string_view word, const std::vector<TextRange>& matches, bool invert) {
  std::vector<Piece> pieces;
  std::uint32_t done = 0;
  for (const TextRange& match : matches) {
    if (match.begin > done) pieces.push_back({{done, match.begin}, invert});
    pieces.push_back({match, !invert});
    done = match.end;
  }
  if (done < word.size()) pieces.push_back({{done, static_cast<std::uint32_t>(word.size())}, invert});
  return pieces;
}

void split_pieces(const std::vector<Piece>& pieces, SplitBehavior behavior, std::uint32_t offset,
                  std::vector<TextRange>& out) {
  const std::size_t first = out.size();
  bool previous_match = false;
  const auto add = [&](const TextRange& range) { out.push_back({range.begin + offset, range.end + offset}); };
  switch (behavior) {
    case SplitBehavior::removed:
      for (const Piece& piece : pieces) {
        if (!piece.is_match) add(piece.range);
      }
      break;
    case SplitBehavior::isolated:
      for (const Piece& piece : pieces) add(piece.range);
      break;
    case SplitBehavior::merged_with_previous:
      for (const Piece& piece : pieces) {
        if (piece.is_match && !previous_match && out.size() > first) {
          out.back().end = piece.range.end + offset;
        } else {
          add(piece.range);
        }
        previous_match = piece.is_match;
      }
      break;
    case SplitBehavior::merged_with_next:
      for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
        if (piece->is_match && !previous_match && out.size() > first) {
          out.back().begin = piece->range.begin + offset;
        } else {
          add(piece->range);
        }
        previous_match = piece->is_match;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      break;
    case SplitBehavior::contiguous:
      for (const Piece& piece : pieces) {
        if (piece.is_match == previous_match && out.size() > first) {
          out.back().end = piece.range.end + offset;
        } else {
          add(piece.range);
        }
        previous_match = piece.is_match;
      }
      break;
  }
}

// Splits every word at the matches of a pattern.
class SplitPreTokenizer : public PreTokenizer {
 public:
  SplitPreTokenizer(std::unique_ptr<const Pattern> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(Words& words) const override {
    std::vector<TextRange> ranges, matches;
    for (const TextRange& range : words.ranges) {
      const std::string_view word = words.word(range);
      matches.clear();
      pattern_->find(word, matches);
      split_pieces(pieces_of(word, matches, invert_), behavior_, range.begin, ranges);
    }
    words.ranges = std::move(ranges);
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Every code point of a kind is a match by itself.
template <class Belongs>
class EachCodePoint : public Pattern {
 public:
  explicit EachCodePoint(Belongs belongs) : belongs_(std::move(belongs)) {}
  void find(std::string_view text, std::vector<TextRange>& matches) const override {
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      if (belongs_(c.value)) {
        matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + c.bytes)});
      }
      at += c.bytes;
    }
  }

 private:
  Belongs belongs_;
};

template <class Belongs>
PreTokenizerPtr split_each(Belongs belongs, SplitBehavior behavior) {
  return split_pre_tokenizer(std::make_unique<EachCodePoint<Belongs>>(std::move(belongs)), behavior, false);
}

// Runs of word characters, and runs of what is neither word nor space.
class WordRuns : public Pattern {
 public:
  void find(std::string_view text, std::vector<TextRange>& matches) const override {
    enum class Kind { space, word, other };
    Kind previous = Kind::space;
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      const Kind kind = is_word_character(c.value) ? Kind::word : is_whitespace(c.value) ? Kind::space : Kind::other;
      const auto end = static_cast<std::uint32_t>(at + c.bytes);
      if (kind != Kind::space && kind == previous) {
        matches.back().end = end;
      } else if (kind != Kind::space) {
        matches.push_back({static_cast<std::uint32_t>(at), end});
      }
      previous = kind;
      at = end;
    }
  }
};

// Applies one pre-tokenizer after another.
class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<PreTokenizerPtr> steps) : steps_(std::move(steps)) {}
  void apply(Words& words) const override {
    for (const PreTokenizerPtr& step : steps_) step->apply(words);
  }

 private:
  std::vector<PreTokenizerPtr> steps_;
};

// Writes every word anew: rewrite(out, word, is_first) appends to `out`.
template <class Rewrite>
void rewrite_words(Words& words, Rewrite&& rewrite) {
  std::string text;
  text.reserve(words.text.size() * 2);
  for (TextRange& range : words.ranges) {
    const auto begin = static_cast<std::uint32_t>(text.size());
    rewrite(text, words.word(range), words.at_start && range.begin == 0);
    range = {begin, static_cast<std::uint32_t>(text.size())};
  }
  words.text = std::move(text);
}

class PrefixSpace : public PreTokenizer {
 public:
  void apply(Words& words) const override {
    rewrite_words(words, [](std::string& out, std::string_view word, bool) {
      if (!word.starts_with(' ')) out += ' ';
      out += word;
    });
  }
};

class BytesAsCharacters : public PreTokenizer {
 public:
  void apply(Words& words) const override {
    rewrite_words(words, [](std::string& out, std::string_view word, bool) { append_bytes_as_characters(out, word); });
  }
};

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, PrependScheme prepend) : replacement_(std::move(replacement)), prepend_(prepend) {}

  void apply(Words& words) const override {
    rewrite_words(words, [this](std::string& out, std::string_view word, bool is_first) {
      const bool prepend = prepend_ == PrependScheme::always || (prepend_ == PrependScheme::first && is_first);
      if (prepend && !word.starts_with(' ') && !word.starts_with(replacement_)) out += replacement_;
      for (const char c : word) {
        if (c == ' ') {
          out += replacement_;
        } else {
          out += c;
        }
      }
    });
  }

 private:
  std::string replacement_;
  PrependScheme prepend_;
};

PreTokenizerPtr sequence(PreTokenizerPtr first, PreTokenizerPtr second) {
  std::vector<PreTokenizerPtr> steps;
  if (first) steps.push_back(std::move(first));
  steps.push_back(std::move(second));
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace

PreTokenizerPtr split_pre_tokenizer(std::unique_ptr<const Pattern> pattern, SplitBehavior behavior, bool invert) {
  return std::make_unique<SplitPreTokenizer>(std::move(pattern), behavior, invert);
}

PreTokenizerPtr bert_pre_tokenizer() {
  return sequence(whitespace_split_pre_tokenizer(), punctuation_pre_tokenizer(SplitBehavior::isolated));
}

PreTokenizerPtr whitespace_pre_tokenizer() {
  return split_pre_tokenizer(std::make_unique<WordRuns>(), SplitBehavior::removed, true);
}

PreTokenizerPtr whitespace_split_pre_tokenizer() {
  return split_each(is_whitespace, SplitBehavior::removed);
}

PreTokenizerPtr punctuation_pre_tokenizer(SplitBehavior behavior) {
  return split_each(is_punctuation, behavior);
}

PreTokenizerPtr digits_pre_tokenizer(bool individual_digits) {
  return split_each(is_number, individual_digits ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

PreTokenizerPtr byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex) {
  PreTokenizerPtr steps = std::make_unique<BytesAsCharacters>();
  if (use_regex)
    steps = sequence(split_pre_tokenizer(gpt2_pattern(), SplitBehavior::isolated, false), std::move(steps));
  if (add_prefix_space) steps = sequence(std::make_unique<PrefixSpace>(), std::move(steps));
  return steps;
}

PreTokenizerPtr metaspace_pre_tokenizer(std::string replacement, PrependScheme prepend, bool split) {
  PreTokenizerPtr steps = std::make_unique<Metaspace>(replacement, prepend);
  if (!split) return steps;
  return sequence(std::move(steps),
                  split_pre_tokenizer(literal_pattern(std::move(replacement)), SplitBehavior::merged_with_next, false));
}

}  // namespace gaze
