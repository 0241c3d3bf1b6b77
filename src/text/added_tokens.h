// Tokens that are found in a text before the model sees it: "<|endoftext|>", "[MASK]", "<image>".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/trie.h"

namespace gaze {

struct AddedToken {
  std::string content;
  TokenId id = -1;
  bool special = false;      // never found in what a user typed
  bool normalized = false;   // looked for after normalisation, else before
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the whitespace before it
  bool rstrip = false;       // takes the whitespace after it
};

// Immutable after the last `add`; then safe to share between threads.
class AddedTokens {
 public:
  // `content`: what to look for (normalised, for tokens of that kind).
  void add(AddedToken token);
  bool empty() const { return tokens_.empty(); }

  struct Segment {
    std::string_view text;
    TokenId id;  // -1: text between tokens
  };
  // The text cut at the tokens in it, the longest at each place from the left; special ones only with `parse_special`.
  void split(std::string_view text, bool parse_special, std::vector<Segment>& segments) const;

 private:
  std::vector<AddedToken> tokens_;
  Trie plain_, all_;  // values: indices of tokens_; `plain_` is without special tokens
};

}  // namespace gaze
