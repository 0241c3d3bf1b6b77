// Keeps an answer within an automaton: which tokens may come next.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "generate/byte_automaton.h"
#include "text/tokenizer.h"

namespace gaze {

// One answer after the other, by one thread. What may follow a state is worked out once: all tokens, sorted, walk the
// automaton together.
class TokenConstraint {
 public:
  // `tokens`: the bytes of each id, "" for those that never come; `ends`: the end tokens.
  TokenConstraint(ByteAutomaton automaton, std::vector<std::string> tokens, std::vector<TokenId> ends);

  // A new answer of at most `most_tokens`, the end token counted. Errors: usage (the shortest text may need more).
  void start(int most_tokens);

  // Makes the scores −infinity of tokens that lead nowhere, or from where the tokens left do not suffice to the end.
  // Errors: unsupported_model (the vocabulary cannot spell what is wanted).
  void restrict_scores(std::span<float> scores);
  // The token that was chosen of them. False where the text is whole and nothing can follow.
  bool take(TokenId token);

  // Whether the number of tokens forbade what the automaton did not.
  bool was_cut() const { return cut_; }

 private:
  struct Step {
    TokenId token;
    std::int32_t to;
  };
  const std::vector<Step>& steps_from(std::int32_t state);

  ByteAutomaton automaton_;
  std::vector<std::string> tokens_;
  std::vector<TokenId> ends_;
  std::vector<TokenId> order_;  // of tokens that write something, by their bytes
  std::map<std::int32_t, std::vector<Step>> steps_;
  std::int32_t state_ = 0;
  std::int64_t left_ = 0;
  bool cut_ = false;
};

}  // namespace gaze
