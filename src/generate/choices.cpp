#include "generate/choices.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"
#include "ops/log_sum_exp.h"

namespace gaze {
namespace {

// Choices that are followed at once: each is a row of the decoder and of its cache, about as many as beams.
constexpr std::size_t kTogether = 8;

// Choices that are alike up to the tokens read so far; `members` are indices of them.
struct Branch {
  std::vector<std::size_t> members;
  int row;  // of the logits after those tokens
};

double log_probability_of(std::span<const TokenId> tokens, std::span<const float> row) {
  double sum = 0;
  const double all = log_sum_exp(row);
  for (const TokenId token : tokens) sum += std::exp(double{row[static_cast<std::size_t>(token)]} - all);
  return std::log(sum);
}

// Adds to `scores` what the choices of `group` (indices) have after the prompt.
void follow(Decoder& decoder, const std::vector<TokenId>& prompt, std::span<const std::vector<TokenId>> choices,
            std::span<const std::size_t> group, std::span<const TokenId> ends, const CancelToken* cancel,
            std::vector<double>& scores) {
  const auto vocabulary = static_cast<std::size_t>(decoder.vocabulary_size());
  std::span<const float> logits = decoder.start(std::span(&prompt, 1));
  std::vector<Branch> branches{{{group.begin(), group.end()}, 0}};
  for (std::size_t depth = 0;; ++depth) {
    std::vector<Branch> next;
    std::vector<TokenId> tokens;
    std::vector<int> parents;
    for (const Branch& branch : branches) {
      const auto row = logits.subspan(static_cast<std::size_t>(branch.row) * vocabulary, vocabulary);
      const std::size_t first = next.size();
      for (const std::size_t choice : branch.members) {
        const bool whole = choices[choice].size() == depth;
        if (whole && ends.empty()) continue;
        scores[choice] += log_probability_of(whole ? ends : std::span(&choices[choice][depth], 1), row);
        if (whole) continue;
        const TokenId token = choices[choice][depth];
        const auto same = std::find(tokens.begin() + static_cast<std::ptrdiff_t>(first), tokens.end(), token);
        if (same == tokens.end()) {
          next.push_back({{choice}, static_cast<int>(tokens.size())});
          tokens.push_back(token);
          parents.push_back(branch.row);
        } else {
          next[static_cast<std::size_t>(same - tokens.begin())].members.push_back(choice);
        }
      }
    }
    if (next.empty()) return;
    if (cancel) cancel->check();
    logits = decoder.step(tokens, parents);
    branches = std::move(next);
  }
}

}  // namespace

std::vector<double> score_choices(Decoder& decoder, const std::vector<TokenId>& prompt,
                                  std::span<const std::vector<TokenId>> choices, std::span<const TokenId> ends,
                                  const CancelToken* cancel) {
  std::vector<std::size_t> order(choices.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    GAZE_CHECK(!choices[i].empty());
    GAZE_CHECK(static_cast<int>(prompt.size() + choices[i].size()) <= decoder.max_positions());
    order[i] = i;
  }
  std::ranges::sort(order, {}, [&](std::size_t i) -> const std::vector<TokenId>& { return choices[i]; });
  std::vector<double> scores(choices.size());
  for (std::size_t first = 0; first < order.size(); first += kTogether) {
    follow(decoder, prompt, choices, std::span(order).subspan(first, std::min(kTogether, order.size() - first)), ends,
           cancel, scores);
  }
  for (const double score : scores) {
    if (std::isnan(score)) {
      throw Error(ErrorCode::bad_weights, message("the model's scores are not numbers: its weights are damaged"));
    }
  }
  return scores;
}

std::vector<double> choice_probabilities(std::span<const double> scores) {
  const double most = *std::ranges::max_element(scores);
  std::vector<double> probabilities(scores.begin(), scores.end());
  double sum = 0;
  for (double& each : probabilities) sum += each = std::isfinite(most) ? std::exp(each - most) : 1;
  for (double& each : probabilities) each /= sum;
  return probabilities;
}

}  // namespace gaze
