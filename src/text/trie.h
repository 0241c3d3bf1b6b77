// Finds which of many strings start at a place of a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/pair_table.h"

namespace gaze {

// Immutable after the last `add`; then safe to share between threads.
class Trie {
 public:
  // Adds a string with a value >= 0; the value of a string added twice is the last one.
  void add(std::string_view key, std::int32_t value);

  bool empty() const { return values_.size() == 1; }

  struct Match {
    std::size_t bytes;
    std::int32_t value;
  };
  // The longest string that `text` starts with.
  std::optional<Match> longest_prefix(std::string_view text) const;

  // Calls visit(Match) for every string that `text` starts with, shortest first.
  template <class Visit>
  void prefixes(std::string_view text, Visit&& visit) const {
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const std::uint32_t* next = edges_.find(node, static_cast<unsigned char>(text[i]));
      if (!next) return;
      node = *next;
      if (values_[node] >= 0) visit(Match{i + 1, values_[node]});
    }
  }

 private:
  PairTable<std::uint32_t> edges_;  // (node, byte) → node
  std::vector<std::int32_t> values_ = {-1};
};

}  // namespace gaze
