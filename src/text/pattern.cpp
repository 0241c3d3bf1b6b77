#include "text/pattern.h"

#include <array>
#include <utility>

#include "text/regex_pattern.h"
#include "text/unicode.h"

namespace gaze {
namespace {

constexpr std::string_view kClip = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
constexpr std::string_view kClipSpecial = R"(<\|startoftext\|>|<\|endoftext\|>|)";
constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSpaces = R"(\s+)";

// The end of the longest run from `at` of code points for which `belongs` holds.
template <class Belongs>
std::size_t run_end(std::string_view text, std::size_t at, Belongs&& belongs) {
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if (!belongs(c.value)) break;
    at += c.bytes;
  }
  return at;
}

bool is_other(char32_t c) {
  return !is_whitespace(c) && !is_letter(c) && !is_number(c);
}

// The end of an English contraction that starts at `at`, or `at`.
std::size_t contraction_end(std::string_view text, std::size_t at) {
  static constexpr std::array<std::string_view, 7> kContractions = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  for (const std::string_view contraction : kContractions) {
    if (text.substr(at).starts_with(contraction)) return at + contraction.size();
  }
  return at;
}

// A pattern whose next match is found by looking at one place: `Scanner{}(text, at)` is the end of the match that
// starts at `at`, or `at` itself where none does.
template <class Scanner>
class ScannedPattern : public Pattern {
 public:
  explicit ScannedPattern(Scanner scanner) : scanner_(std::move(scanner)) {}

  void find(std::string_view text, std::vector<TextRange>& matches) const override {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = scanner_(text, at);
      if (end == at) {
        at += code_point_at(text, at).bytes;
      } else {
        matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
        at = end;
      }
    }
  }

 private:
  Scanner scanner_;
};

template <class Scanner>
std::unique_ptr<const Pattern> scanned(Scanner scanner) {
  return std::make_unique<ScannedPattern<Scanner>>(std::move(scanner));
}

std::size_t scan_gpt2(std::string_view text, std::size_t at) {
  if (const std::size_t end = contraction_end(text, at); end != at) return end;
  const std::size_t word = text[at] == ' ' ? at + 1 : at;
  if (word < text.size()) {
    const char32_t c = code_point_at(text, word).value;
    if (is_letter(c)) return run_end(text, word, is_letter);
    if (is_number(c)) return run_end(text, word, is_number);
    if (!is_whitespace(c)) return run_end(text, word, is_other);
  }
  // Spaces; before a word the last one is left to it.
  const std::size_t end = run_end(text, at, is_whitespace);
  if (end == text.size()) return end;
  const std::size_t last = end - code_point_before(text, end).bytes;
  return last == at ? end : last;
}

}  // namespace

std::unique_ptr<const Pattern> literal_pattern(std::string literal) {
  return scanned([literal = std::move(literal)](std::string_view text, std::size_t at) {
    return text.substr(at).starts_with(literal) ? at + literal.size() : at;
  });
}

std::unique_ptr<const Pattern> gpt2_pattern() {
  return scanned(scan_gpt2);
}

std::unique_ptr<const Pattern> clip_pattern(bool special_tokens) {
  return scanned([special_tokens](std::string_view text, std::size_t at) {
    if (special_tokens) {
      for (const std::string_view token : {"<|startoftext|>", "<|endoftext|>"}) {
        if (text.substr(at).starts_with(token)) return at + token.size();
      }
    }
    if (const std::size_t end = contraction_end(text, at); end != at) return end;
    const CodePoint c = code_point_at(text, at);
    if (is_letter(c.value)) return run_end(text, at, is_letter);
    if (is_number(c.value)) return at + c.bytes;
    return run_end(text, at, is_other);
  });
}

std::unique_ptr<const Pattern> regex_pattern(const std::string& expression, const std::string& origin) {
  if (expression == kClip) return clip_pattern(false);
  if (expression == std::string(kClipSpecial) + std::string(kClip)) return clip_pattern(true);
  if (expression == kGpt2) return gpt2_pattern();
  if (expression == kSpaces) {
    return scanned([](std::string_view text, std::size_t at) { return run_end(text, at, is_whitespace); });
  }
  return icu_regex_pattern(expression, origin);
}

}  // namespace gaze
