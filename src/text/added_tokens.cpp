#include "text/added_tokens.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "text/unicode.h"

namespace gaze {
namespace {

bool touches_word(std::string_view text, std::size_t begin, std::size_t end) {
  return (begin > 0 && is_word_character(code_point_before(text, begin).value)) ||
         (end < text.size() && is_word_character(code_point_at(text, end).value));
}

}  // namespace

void AddedTokens::add(AddedToken token) {
  const auto index = static_cast<std::int32_t>(tokens_.size());
  if (!token.special) plain_.add(token.content, index);
  all_.add(token.content, index);
  tokens_.push_back(std::move(token));
}

void AddedTokens::split(std::string_view text, bool parse_special, std::vector<Segment>& segments) const {
  const Trie& trie = parse_special ? all_ : plain_;
  std::size_t done = 0;
  for (std::size_t at = 0; !trie.empty() && at < text.size();) {
    const std::optional<Trie::Match> match = trie.longest_prefix(text.substr(at));
    if (!match) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match->value)];
    std::size_t begin = at, end = at + match->bytes;
    at = end;
    if (token.single_word && touches_word(text, begin, end)) continue;
    while (token.lstrip && begin > done && is_whitespace(code_point_before(text, begin).value)) {
      begin -= code_point_before(text, begin).bytes;
    }
    while (token.rstrip && end < text.size() && is_whitespace(code_point_at(text, end).value)) {
      end += code_point_at(text, end).bytes;
    }
    if (begin > done) segments.push_back({text.substr(done, begin - done), -1});
    segments.push_back({text.substr(begin, end - begin), token.id});
    at = done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), -1});
}

}  // namespace gaze
