#include "generate/generate.h"

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace gaze {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/generate";

// The language model of tools/goldens/make_generate.py: three tables, no cache beyond the tokens themselves.
class TableDecoder : public Decoder {
 public:
  TableDecoder(int vocabulary, int positions)
      : vocabulary_(vocabulary), positions_(positions), tables_(read_file(kGolden / "tables.f32", 1 << 20)) {}

  int vocabulary_size() const override { return vocabulary_; }
  int max_positions() const override { return positions_; }

  std::span<const float> start(std::span<const std::vector<TokenId>> prompts) override {
    rows_.assign(prompts.begin(), prompts.end());
    return logits();
  }
  std::span<const float> step(std::span<const TokenId> tokens, std::span<const int> parents) override {
    std::vector<std::vector<TokenId>> next;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      next.push_back(rows_.at(static_cast<std::size_t>(parents[i])));
      next.back().push_back(tokens[i]);
    }
    rows_ = std::move(next);
    return logits();
  }

 private:
  std::span<const float> logits() {
    logits_.clear();
    for (const auto& row : rows_) {
      const TokenId last = row.back(), before = row.size() > 1 ? row[row.size() - 2] : 0;
      for (int v = 0; v < vocabulary_; ++v) {
        logits_.push_back(at(last, v) + at(vocabulary_ + before, v) +
                          at(2 * vocabulary_ + static_cast<int>(row.size()) - 1, v));
      }
    }
    return logits_;
  }
  float at(int row, int column) const {
    float value;
    std::memcpy(&value, tables_.data() + (row * vocabulary_ + column) * sizeof(float), sizeof(float));
    return value;
  }

  int vocabulary_, positions_;
  Bytes tables_;
  std::vector<std::vector<TokenId>> rows_;
  std::vector<float> logits_;
};

TEST(Generate, EveryCaseEqualsTheReference) {
  const Json golden = read_json_file(kGolden / "cases.json");
  TableDecoder decoder(golden["vocabulary"], golden["positions"]);
  ASSERT_GT(golden["cases"].size(), 100u);
  for (const Json& test : golden["cases"]) {
    SCOPED_TRACE(test["setting"].dump());
    GenerationConfig config;
    config.eos_token_ids = {golden["eos"].get<TokenId>()};
    apply_generation_config(test["setting"], "cases.json", config);
    const auto prompts = test["prompts"].get<std::vector<std::vector<TokenId>>>();
    const auto results = generate(decoder, prompts, config);

    ASSERT_EQ(results.size(), test["results"].size());
    for (std::size_t p = 0; p < results.size(); ++p) {
      const Json& expected = test["results"][p];
      ASSERT_EQ(results[p].size(), expected.size());
      for (std::size_t k = 0; k < results[p].size(); ++k) {
        EXPECT_EQ(results[p][k].ids, expected[k]["ids"].get<std::vector<TokenId>>()) << "prompt " << p << " rank " << k;
        if (!expected[k].contains("score")) continue;
        const float score = expected[k]["score"];
        EXPECT_NEAR(results[p][k].score, score, 1e-4 * std::abs(score)) << "prompt " << p << " rank " << k;
      }
    }
  }
}

TEST(Generate, SamplingFollowsItsSeedAndItsFilters) {
  TableDecoder decoder(43, 40);
  const std::vector<std::vector<TokenId>> prompts{{1, 17}};
  GenerationConfig config{.max_length = 30, .eos_token_ids = {2}};
  const auto greedy = generate(decoder, prompts, config)[0][0].ids;
  config.temperature = 1;
  config.seed = 7;
  const auto first = generate(decoder, prompts, config)[0][0].ids;
  EXPECT_EQ(generate(decoder, prompts, config)[0][0].ids, first);
  config.seed = 8;
  EXPECT_NE(generate(decoder, prompts, config)[0][0].ids, first);
  config.top_k = 1;
  EXPECT_EQ(generate(decoder, prompts, config)[0][0].ids, greedy);
  config.top_k = 0;
  config.top_p = 1e-6f;
  EXPECT_EQ(generate(decoder, prompts, config)[0][0].ids, greedy);
}

TEST(Generate, DrawsInProportionToProbability) {
  TableDecoder decoder(43, 40);
  const std::vector<std::vector<TokenId>> prompts{{1}};
  const auto logits = decoder.start(prompts);
  std::vector<double> probability(43);
  double total = 0;
  for (std::size_t v = 0; v < 43; ++v) total += probability[v] = std::exp(logits[v]);
  GenerationConfig config{.max_length = 2, .temperature = 1};
  std::vector<int> count(43);
  constexpr int kDraws = 20000;
  for (int seed = 0; seed < kDraws; ++seed) {
    config.seed = static_cast<std::uint64_t>(seed);
    ++count[static_cast<std::size_t>(generate(decoder, prompts, config)[0][0].ids[0])];
  }
  for (std::size_t v = 0; v < 43; ++v) {
    const double p = probability[v] / total;
    EXPECT_NEAR(count[v], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)) + 1) << v;
  }
}

TEST(Generate, HooksSeeEachTokenAndCanStop) {
  TableDecoder decoder(43, 40);
  const std::vector<std::vector<TokenId>> prompts{{1, 17}};
  const GenerationConfig config{.max_length = 30};
  std::vector<TokenId> seen;
  GenerateHooks hooks;
  hooks.on_token = [&](std::size_t, TokenId token) {
    seen.push_back(token);
    return seen.size() < 5;
  };
  EXPECT_EQ(generate(decoder, prompts, config, hooks)[0][0].ids, seen);
  EXPECT_EQ(seen.size(), 5u);

  CancelToken cancel;
  cancel.cancel();
  EXPECT_THROW(generate(decoder, prompts, config, {.cancel = &cancel}), Error);
}

TEST(Generate, RefusesSettingsThatMakeNoSense) {
  TableDecoder decoder(43, 40);
  const std::vector<std::vector<TokenId>> prompts{{1, 17}};
  const auto refused = [&](const GenerationConfig& config) {
    try {
      generate(decoder, prompts, config);
      return false;
    } catch (const Error& error) {
      return error.code() == ErrorCode::usage;
    }
  };
  EXPECT_FALSE(refused({}));
  EXPECT_TRUE(refused({.num_beams = 0}));
  EXPECT_TRUE(refused({.max_length = 2}));   // no room after the prompt
  EXPECT_TRUE(refused({.max_length = 41}));  // beyond the model's positions
  EXPECT_TRUE(refused({.max_length = 10, .min_length = 11}));
  EXPECT_TRUE(refused({.min_length = -1}));
  EXPECT_TRUE(refused({.num_beams = 2, .num_return_sequences = 3}));
  EXPECT_TRUE(refused({.num_beams = 2, .temperature = 1}));
  EXPECT_TRUE(refused({.repetition_penalty = 0}));
  EXPECT_TRUE(refused({.temperature = -1}));
  EXPECT_TRUE(refused({.top_p = 0}));
  EXPECT_TRUE(refused({.top_k = -1}));
}

}  // namespace
}  // namespace gaze
