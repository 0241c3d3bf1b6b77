#include "generate/token_constraint.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kMostKept = 256;  // states whose steps are kept

}  // namespace

TokenConstraint::TokenConstraint(ByteAutomaton automaton, std::vector<std::string> tokens, std::vector<TokenId> ends)
    : automaton_(std::move(automaton)), tokens_(std::move(tokens)), ends_(std::move(ends)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (!tokens_[i].empty()) order_.push_back(static_cast<TokenId>(i));
  }
  std::ranges::sort(order_, {},
                    [&](TokenId id) -> const std::string& { return tokens_[static_cast<std::size_t>(id)]; });
}

void TokenConstraint::start(int most_tokens) {
  state_ = automaton_.begin();
  left_ = most_tokens;
  cut_ = false;
  if (automaton_.shortest(state_) + 1 > left_) {  // a token a byte, and the end
    throw Error(ErrorCode::usage,
                message("the shortest answer by the schema may take {} tokens, and {} are allowed",
                        std::int64_t{automaton_.shortest(state_)} + 1, left_),
                message("raise --max-tokens"));
  }
}

const std::vector<TokenConstraint::Step>& TokenConstraint::steps_from(std::int32_t state) {
  if (const auto found = steps_.find(state); found != steps_.end()) return found->second;
  if (steps_.size() >= kMostKept) steps_.clear();
  std::vector<Step> steps;
  // Where each byte of the token before led: neighbours share their beginnings.
  std::vector<std::int32_t> path{state};
  std::string_view before;
  for (const TokenId id : order_) {
    const std::string_view bytes = tokens_[static_cast<std::size_t>(id)];
    const auto [differ, ignored] = std::mismatch(before.begin(), before.end(), bytes.begin(), bytes.end());
    path.resize(std::min(path.size(), static_cast<std::size_t>(differ - before.begin()) + 1));
    before = bytes;
    while (path.size() <= bytes.size() && path.back() != ByteAutomaton::kDead) {
      path.push_back(automaton_.next(path.back(), static_cast<unsigned char>(bytes[path.size() - 1])));
    }
    if (path.back() != ByteAutomaton::kDead) steps.push_back({id, path.back()});
  }
  return steps_[state] = std::move(steps);
}

void TokenConstraint::restrict_scores(std::span<float> scores) {
  std::vector<std::pair<TokenId, float>> allowed;
  const auto allow = [&](TokenId id) {
    if (id >= 0 && static_cast<std::size_t>(id) < scores.size()) {
      allowed.emplace_back(id, scores[static_cast<std::size_t>(id)]);
    }
  };
  if (automaton_.accepts(state_)) {
    for (const TokenId end : ends_) allow(end);
  }
  for (const Step& step : steps_from(state_)) {
    if (automaton_.shortest(step.to) + 2 <= left_) {  // this one, a token for each missing byte, and the end
      allow(step.token);
    } else {
      cut_ = true;
    }
  }
  if (allowed.empty()) {
    throw Error(ErrorCode::unsupported_model, message("the model's vocabulary cannot spell an answer of this schema"));
  }
  std::ranges::fill(scores, -std::numeric_limits<float>::infinity());
  for (const auto& [id, score] : allowed) scores[static_cast<std::size_t>(id)] = score;
}

bool TokenConstraint::take(TokenId token) {
  --left_;
  if (std::ranges::find(ends_, token) != ends_.end()) return true;
  for (const char byte : tokens_[static_cast<std::size_t>(token)]) {
    state_ = automaton_.next(state_, static_cast<unsigned char>(byte));
  }
  return !automaton_.accepts(state_) || !ends_.empty();
}

}  // namespace gaze
