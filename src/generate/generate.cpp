#include "generate/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "base/error.h"
#include "base/message.h"
#include "generate/beam_search.h"
#include "generate/logits_processors.h"
#include "ops/log_sum_exp.h"

namespace gaze {
namespace {

void check_room(const Decoder& decoder, std::span<const std::vector<TokenId>> prompts, const GenerationConfig& config) {
  for (const std::vector<TokenId>& prompt : prompts) {
    if (static_cast<int>(prompt.size()) >= config.max_length) {
      throw Error(ErrorCode::usage,
                  message("the prompt has {} tokens and leaves no room below the longest length of {}", prompt.size(),
                          config.max_length),
                  message("shorten the prompt or raise --max-length"));
    }
  }
  if (config.max_length > decoder.max_positions()) {
    throw Error(ErrorCode::usage, message("a length of {} tokens is more than the model's {} positions",
                                          config.max_length, decoder.max_positions()));
  }
}

TokenId likeliest(std::span<const float> scores) {
  return static_cast<TokenId>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

// Draws after temperature, top-k and top-p, in the reference's order. The generator is std::mt19937_64, whose numbers
// the standard fixes; the way from them to a token is ours, so a seed gives the same words everywhere.
TokenId draw(const GenerationConfig& config, std::span<const float> scores, std::mt19937_64& random) {
  std::vector<TokenId> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](TokenId token) { return scores[static_cast<std::size_t>(token)]; };
  std::sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return score(a) > score(b); });
  std::size_t kept = order.size();
  if (config.top_k > 0) kept = std::min(kept, static_cast<std::size_t>(config.top_k));

  std::vector<double> weights(kept);
  for (std::size_t i = 0; i < kept; ++i) {
    weights[i] = std::exp((static_cast<double>(score(order[i])) - score(order[0])) / config.temperature);
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (config.top_p < 1) {  // the fewest likeliest tokens that together reach top_p
    double sum = 0;
    std::size_t count = 0;
    while (count < kept && sum < config.top_p * total) sum += weights[count++];
    kept = std::max<std::size_t>(count, 1);
  }
  const double mass = std::accumulate(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(kept), 0.0);
  double target = static_cast<double>(random() >> 11) * 0x1p-53 * mass;
  for (std::size_t i = 0; i < kept; ++i) {
    target -= weights[i];
    if (target < 0) return order[i];
  }
  return order[kept - 1];
}

// One sequence of greedy search or sampling.
struct Stream {
  std::size_t prompt;  // its index
  std::vector<TokenId> sequence;
  Generation generation;
  std::mt19937_64 random;
  int row;
  bool done = false;
};

std::vector<std::vector<Generation>> one_by_one(Decoder& decoder, std::span<const std::vector<TokenId>> prompts,
                                                const GenerationConfig& config, const GenerateHooks& hooks) {
  std::vector<Stream> streams;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (int k = 0; k < config.num_return_sequences; ++k) {
      streams.push_back(
          {i, prompts[i], {}, std::mt19937_64(config.seed + static_cast<std::uint64_t>(k)), static_cast<int>(i)});
    }
  }
  const auto vocabulary = static_cast<std::size_t>(decoder.vocabulary_size());
  std::vector<float> scores;
  std::vector<TokenId> tokens;
  std::vector<int> parents;
  std::span<const float> logits = decoder.start(prompts);
  while (true) {
    tokens.clear();
    parents.clear();
    for (Stream& stream : streams) {
      if (stream.done) continue;
      const auto row = logits.subspan(static_cast<std::size_t>(stream.row) * vocabulary, vocabulary);
      scores.assign(row.begin(), row.end());
      process_scores(config, stream.sequence, scores);
      if (hooks.restrict_scores) hooks.restrict_scores(stream.prompt, scores);
      const TokenId token = config.sampling() ? draw(config, scores, stream.random) : likeliest(scores);

      stream.sequence.push_back(token);
      stream.generation.ids.push_back(token);
      stream.generation.score += row[static_cast<std::size_t>(token)] - log_sum_exp(row);
      stream.generation.finished =
          std::find(config.eos_token_ids.begin(), config.eos_token_ids.end(), token) != config.eos_token_ids.end();
      stream.done = stream.generation.finished || static_cast<int>(stream.sequence.size()) >= config.max_length;
      if (hooks.on_token && !hooks.on_token(stream.prompt, token)) stream.done = true;
      if (stream.done) continue;
      tokens.push_back(token);
      parents.push_back(stream.row);
      stream.row = static_cast<int>(tokens.size()) - 1;
    }
    if (tokens.empty()) break;
    if (hooks.cancel) hooks.cancel->check();
    logits = decoder.step(tokens, parents);
  }

  std::vector<std::vector<Generation>> results(prompts.size());
  for (Stream& stream : streams) {
    stream.generation.score /= static_cast<float>(stream.generation.ids.size());
    results[stream.prompt].push_back(std::move(stream.generation));
  }
  return results;
}

}  // namespace

std::vector<std::vector<Generation>> generate(Decoder& decoder, std::span<const std::vector<TokenId>> prompts,
                                              const GenerationConfig& config, const GenerateHooks& hooks) {
  validate(config);
  check_room(decoder, prompts, config);
  if (prompts.empty()) return {};
  auto results = config.num_beams > 1 ? beam_search(decoder, prompts, config, hooks.cancel)
                                      : one_by_one(decoder, prompts, config, hooks);
  for (const auto& result : results) {
    if (result.empty() || std::isnan(result[0].score)) {
      throw Error(ErrorCode::bad_weights, message("the model's scores are not numbers: its weights are damaged"));
    }
  }
  return results;
}

}  // namespace gaze
