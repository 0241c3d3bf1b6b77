// LLaMA against the reference: states, logits, greedy and beam ids of random checkpoints; prompts read in parts.
#include <array>
#include <cmath>
#include <string>
#include <tuple>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "generate/generate.h"
#include "models/llama/decoder.h"
#include "models/testing.h"

namespace gaze::llama {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;

class LlamaGolden : public ::testing::TestWithParam<std::string> {
 protected:
  static Config config_in(const std::filesystem::path& folder) {
    const Json json = read_json_file(folder / "config.json");
    return parse_config({json, "config.json"});
  }
  std::vector<TokenId> greedy(Decoder& decoder, const std::vector<TokenId>& prompt, float penalty, std::size_t count) {
    const std::vector<std::vector<TokenId>> prompts{prompt};
    return generate(decoder, prompts,
                    {.max_length = static_cast<int>(prompt.size() + count),
                     .repetition_penalty = penalty,
                     .eos_token_ids = {2}})[0][0]
        .ids;
  }

  const std::filesystem::path folder_ = golden("llama/" + GetParam());
  const Expected expected_{folder_};
  const WeightScope scope_{open_weights(folder_), Precision::f32};
  const TextModel model_{scope_ / "model", scope_ / "lm_head", config_in(folder_)};
};
INSTANTIATE_TEST_SUITE_P(Reference, LlamaGolden,
                         ::testing::Values("plain", "tied", "biased", "linear", "dynamic", "llama3", "yarn"));

TEST_P(LlamaGolden, EveryLayerAndTheLogitsAreTheReferences) {
  const auto ids = expected_.cases.at("longest").get<std::vector<TokenId>>();
  const auto length = static_cast<std::int64_t>(ids.size());
  for (int layers = 0; layers <= model_.config().num_hidden_layers; ++layers) {
    KvCache cache(model_.cache_shape(length));
    cache.start(1);
    Tensor hidden = Tensor::empty({length, model_.config().hidden_size}, DType::f32);
    model_.embed(ids, hidden);
    model_.run_part(cache, 0, hidden, layers);
    EXPECT_LT(relative_error(hidden, expected_[fmt::format("layer.{}", layers)]), 2e-5) << layers;
    if (layers < model_.config().num_hidden_layers) continue;
    Tensor logits = Tensor::empty({length, model_.config().vocab_size}, DType::f32);
    model_.head(hidden, logits);
    EXPECT_LT(relative_error(logits, expected_["logits"]), 2e-5);
  }
}

TEST_P(LlamaGolden, GreedyIdsAreTheReferences) {
  TextDecoder decoder(model_, model_.config().max_position_embeddings);
  for (std::size_t i = 0; i < expected_.cases.at("prompts").size(); ++i) {
    const auto& answer = expected_.cases.at("answers")[i];
    const auto ids = answer.at("ids").get<std::vector<TokenId>>();
    const auto prompt = expected_.cases.at("prompts")[i].get<std::vector<TokenId>>();
    EXPECT_EQ(greedy(decoder, prompt, answer.at("repetition_penalty").get<float>(), 12), ids) << i;
  }
}

// Rows of different lengths that end at different times share a cache.
TEST_P(LlamaGolden, PromptsTogetherAnswerAsAlone) {
  TextDecoder decoder(model_, model_.config().max_position_embeddings);
  const auto prompts = expected_.cases.at("prompts").get<std::vector<std::vector<TokenId>>>();
  const auto together = generate(decoder, prompts, {.max_length = 44, .eos_token_ids = {2}});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(together[i][0].ids, greedy(decoder, prompts[i], 1, 44 - prompts[i].size())) << i;
  }
}

TEST_P(LlamaGolden, BeamsAreTheReferences) {
  TextDecoder decoder(model_, 64);
  const auto& beams = expected_.cases.at("beams");
  const std::vector<std::vector<TokenId>> prompts{beams.at("prompt").get<std::vector<TokenId>>()};
  const auto ids =
      generate(decoder, prompts,
               {.max_length = static_cast<int>(prompts[0].size()) + 10, .num_beams = 4, .eos_token_ids = {2}})[0][0]
          .ids;
  EXPECT_EQ(ids, beams.at("ids").get<std::vector<TokenId>>());
}

TEST_P(LlamaGolden, WhatWasReadBeforeIsNotReadAgain) {
  TextDecoder decoder(model_, 128), fresh(model_, 128);
  auto prompt = expected_.cases.at("longest").get<std::vector<TokenId>>();
  const std::vector<TokenId> answer = greedy(decoder, prompt, 1, 6);
  EXPECT_EQ(decoder.reused(), 0);
  const std::size_t known = prompt.size() + answer.size() - 1;  // the last token was never read
  prompt.insert(prompt.end(), answer.begin(), answer.end());
  prompt.insert(prompt.end(), {7, 8, 9});
  const std::vector<TokenId> again = greedy(decoder, prompt, 1, 6);
  EXPECT_EQ(decoder.reused(), static_cast<std::int64_t>(known));
  EXPECT_EQ(again, greedy(fresh, prompt, 1, 6));

  prompt[5] = 11;  // another text from here on
  EXPECT_EQ(greedy(decoder, prompt, 1, 6), greedy(fresh, prompt, 1, 6));
  EXPECT_EQ(decoder.reused(), 5);
}

// Prompt and answer, token after token: logits near those of a cache in float32.
TEST_P(LlamaGolden, ACacheOfLessPrecisionIsNear) {
  TextDecoder exact(model_, 128);
  const std::vector<std::vector<TokenId>> prompts{expected_.cases.at("longest").get<std::vector<TokenId>>()};
  for (const auto& [type, dtype, bound] :
       {std::tuple{KvCacheType::bf16, DType::bf16, 0.03}, {KvCacheType::int8, DType::i8, 0.06}}) {
    TextDecoder decoder(model_, 128, type);
    EXPECT_EQ(decoder.cache_dtype(), dtype);
    const auto compare = [&](std::span<const float> some, std::span<const float> others) {
      double distance = 0, size = 0;
      for (std::size_t i = 0; i < some.size(); ++i) {
        distance += std::pow(some[i] - others[i], 2), size += std::pow(others[i], 2);
      }
      EXPECT_LT(std::sqrt(distance / size), bound) << to_string(dtype);
      EXPECT_GT(distance, 0);
    };
    compare(decoder.start(prompts), exact.start(prompts));
    for (const TokenId token : {7, 8, 9}) {
      const std::array one{token};
      const std::array parent{0};
      compare(decoder.step(one, parent), exact.step(one, parent));
    }
  }
}

TEST(LlamaConfig, MissingKeysHaveTheReferencesDefaults) {
  const Json json = Json::parse(R"({"num_attention_heads": 16, "rope_parameters": {"rope_theta": 100.0}})");
  const Config config = parse_config({json, "config.json"});
  EXPECT_EQ(config.vocab_size, 32000);
  EXPECT_EQ(config.num_key_value_heads, 16);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.max_position_embeddings, 2048);
  EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-6f);
  EXPECT_FLOAT_EQ(config.rotary_frequencies[64], 0.1f);
  EXPECT_FALSE(config.tie_word_embeddings);
}

TEST(LlamaConfig, ValuesThatMakeNoSenseAreRefused) {
  for (const char* text :
       {R"({"hidden_size": 0})", R"({"hidden_size": 4097})", R"({"num_key_value_heads": 7})", R"({"head_dim": 7})",
        R"({"head_dim": -2})", R"({"rms_norm_eps": 0})", R"({"rms_norm_eps": "x"})", R"({"rope_theta": -1})",
        R"({"rope_theta": 1})", R"({"tie_word_embeddings": 1})", R"({"num_hidden_layers": 2000000000})",
        R"({"hidden_act": "gelu"})", R"({"rope_scaling": []})", R"({"rope_scaling": {"type": "linear", "factor": 0}})",
        R"({"rope_scaling": {"rope_type": 3}})", R"({"vocab_size": 18446744073709551615})",
        R"({"rope_scaling": {"rope_type": "llama3", "low_freq_factor": 4}})",
        R"({"rope_scaling": {"rope_type": "yarn", "beta_fast": -1}})", R"({"max_position_embeddings": 0})"}) {
    const Json json = Json::parse(text);
    try {
      parse_config({json, "config.json"});
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_weights) << text;
      EXPECT_THAT(error.message(), ::testing::HasSubstr("config.json")) << text;
    }
  }
  const Json json = Json::parse(R"({"rope_scaling": {"rope_type": "longrope"}})");
  try {
    parse_config({json, "config.json"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported_model);
    EXPECT_THAT(error.hint(), ::testing::HasSubstr("yarn"));
  }
}

}  // namespace
}  // namespace gaze::llama
