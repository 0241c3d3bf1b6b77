#include "text/trie.h"

#include "base/check.h"

namespace gaze {

void Trie::add(std::string_view key, std::int32_t value) {
  GAZE_CHECK(value >= 0);
  std::uint32_t node = 0;
  for (const char c : key) {
    bool inserted = false;
    std::uint32_t& next = edges_.insert(node, static_cast<unsigned char>(c), inserted);
    if (inserted) {
      next = static_cast<std::uint32_t>(values_.size());
      values_.push_back(-1);
    }
    node = next;
  }
  if (node != 0) values_[node] = value;
}

std::optional<Trie::Match> Trie::longest_prefix(std::string_view text) const {
  std::optional<Match> longest;
  prefixes(text, [&](const Match& match) { longest = match; });
  return longest;
}

}  // namespace gaze
