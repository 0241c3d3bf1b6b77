// SentencePiece's "precompiled charsmap": character sequences and what they become, as a double-array trie.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"

namespace gaze {

// Immutable; safe to share between threads.
class PrecompiledMap {
 public:
  PrecompiledMap() = default;  // maps nothing
  // `blob`: the trie's size in bytes (32 bits, little-endian), the trie (Darts-clone units), the replacements (each
  // ends with a zero byte). Errors: bad_weights (any offset that leaves the blob, replacements that are not UTF-8).
  PrecompiledMap(std::string_view blob, const std::string& origin);

  struct Match {
    std::size_t bytes;
    std::string_view replacement;
  };
  // The longest sequence that `text` starts with.
  std::optional<Match> longest_prefix(std::string_view text) const;
  // What the shortest one becomes.
  std::optional<std::string_view> shortest_prefix(std::string_view text) const;

 private:
  // Calls visit(bytes, offset of the replacement) for every sequence that `text` starts with.
  template <class Visit>
  void prefixes(std::string_view text, Visit&& visit) const;
  std::string_view replacement(std::size_t offset) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

// The normaliser "Precompiled" of tokenizer.json; `base64` is the blob. A grapheme of less than 6 bytes is replaced as
// a whole where the map has it, else each of its code points.
NormalizerPtr precompiled_normalizer(const std::string& base64, const std::string& origin);

}  // namespace gaze
