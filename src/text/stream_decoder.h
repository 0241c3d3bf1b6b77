// Text of a model's answer while it is being generated: as soon as it is certain, and never half a character.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

// One answer. Not thread-safe; the tokenizer must outlive it.
//
// What push() and finish() return, joined, is tokenizer.decode() of the ids, for every tokenizer that decodes from left
// to right: LLaMA's, Gemma's, byte-level BPE. (BERT's and CLIP's take spaces back that they have written before; and a
// U+FFFD that a model spells in bytes can come out more than once.)
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens = true)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}

  // The text that the next token adds; "" while a character is incomplete.
  std::string push(TokenId id);
  // The rest: U+FFFD for a character that stayed incomplete.
  std::string finish();

 private:
  std::string release(const std::string& text);

  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::vector<TokenId> window_;  // the tokens written last, as context, and those held back
  std::size_t context_ = 0;      // how many of them are context
  std::string context_text_;     // its text
};

}  // namespace gaze
