#include "generate/logits_processors.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace gaze {
namespace {
constexpr float kImpossible = -std::numeric_limits<float>::infinity();

void forbid(std::span<const TokenId> tokens, std::span<float> scores) {
  for (const TokenId token : tokens) {
    if (token >= 0 && static_cast<std::size_t>(token) < scores.size()) {
      scores[static_cast<std::size_t>(token)] = kImpossible;
    }
  }
}

}  // namespace

void penalise_repetition(float penalty, std::span<const TokenId> sequence, std::span<float> scores) {
  std::vector<TokenId> seen(sequence.begin(), sequence.end());
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const TokenId token : seen) {
    if (token < 0 || static_cast<std::size_t>(token) >= scores.size()) continue;  // image tokens beyond the vocabulary
    float& score = scores[static_cast<std::size_t>(token)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

void block_repeated_ngrams(int size, std::span<const TokenId> sequence, std::span<float> scores) {
  const auto n = static_cast<std::size_t>(size);
  if (sequence.size() + 1 < n) return;
  const auto tail = sequence.last(n - 1);
  for (std::size_t begin = 0; begin + n <= sequence.size(); ++begin) {
    const auto gram = sequence.subspan(begin, n);
    const auto last = static_cast<std::size_t>(gram.back());
    if (std::equal(tail.begin(), tail.end(), gram.begin()) && last < scores.size()) scores[last] = kImpossible;
  }
}

void process_scores(const GenerationConfig& config, std::span<const TokenId> sequence, std::span<float> scores) {
  if (config.repetition_penalty != 1) penalise_repetition(config.repetition_penalty, sequence, scores);
  if (config.no_repeat_ngram_size > 0) block_repeated_ngrams(config.no_repeat_ngram_size, sequence, scores);
  if (static_cast<int>(sequence.size()) < config.min_length) forbid(config.eos_token_ids, scores);
  forbid(config.suppress_tokens, scores);
}

}  // namespace gaze
