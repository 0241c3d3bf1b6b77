// BLIP against transformers: states, captions, answers, matching (tools/goldens/make_blip.py).
#include "models/blip/blip.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "generate/generate.h"
#include "models/blip/text_model.h"
#include "models/blip/vision_tower.h"
#include "models/testing.h"

namespace gaze {
namespace {

using testing::Expected;
using testing::golden;
using ::testing::HasSubstr;
using testing::relative_error;
using testing::SpoiledCheckpoint;

GenerationConfig setting_of(const Json& json, GenerationConfig defaults, std::size_t prompt_length) {
  GenerationConfig config{.eos_token_ids = defaults.eos_token_ids};
  apply_generation_config(json, "cases.json", config);
  if (json.contains("max_new_tokens")) {
    config.max_length = static_cast<int>(prompt_length) + json["max_new_tokens"].get<int>();
  }
  return config;
}

void expect_generation(const Generation& actual, const Json& expected, const std::string& where) {
  EXPECT_EQ(actual.ids, expected.at("ids").get<std::vector<TokenId>>()) << where;
  if (!expected.contains("score")) return;
  const float score = expected.at("score");
  EXPECT_NEAR(actual.score, score, 1e-4 * std::abs(score)) << where;
}

class BlipCaptions : public ::testing::TestWithParam<std::string> {
 protected:
  const std::filesystem::path folder_ = golden("blip/" + GetParam());
  const Expected expected_{folder_};
};
INSTANTIATE_TEST_SUITE_P(Configurations, BlipCaptions, ::testing::Values("caption_a", "caption_b", "caption_untied"));

TEST_P(BlipCaptions, EveryPictureLayerAndAllLogitsAreTheReferences) {
  const blip::Config config = blip::parse_config(read_json_file(folder_ / "config.json"), "config.json");
  const WeightScope scope(open_weights(folder_), Precision::f32);
  const blip::VisionTower vision(scope / "vision_model", config.vision);
  for (int layer = 0; layer < config.vision.encoder.num_hidden_layers; ++layer) {
    const Tensor states = vision.hidden_states(expected_["pixel_values"], layer);
    EXPECT_LT(relative_error(states, expected_[fmt::format("vision.{}", layer)]), 1e-5) << layer;
  }
  const Tensor image_embeds = vision.image_embeds(expected_["pixel_values"]);
  EXPECT_LT(relative_error(image_embeds, expected_["image_embeds"]), 1e-5);

  const blip::TextDecoder text(scope / "text_decoder", config.text);
  CrossDecoder decoder(text, image_embeds);
  const Tensor tokens = expected_.states->tensor("tokens");
  std::vector<std::vector<TokenId>> prompts;
  for (std::int64_t b = 0; b < tokens.size(0); ++b) {
    const auto row = tokens.rows(b, b + 1);
    prompts.emplace_back(row.values<std::int32_t>().begin(), row.values<std::int32_t>().end());
  }
  EXPECT_LT(relative_error(decoder.all_logits(prompts), expected_["logits"]), 1e-5);
}

TEST_P(BlipCaptions, EverySettingGivesTheReferencesWords) {
  const auto model = load_captioner(folder_, Precision::f32);
  const Tensor pixels = expected_["pixel_values"];
  const auto pictures = static_cast<std::size_t>(pixels.size(0));
  ASSERT_GE(expected_.cases["cases"].size() * pictures, 70u);
  for (const Json& test : expected_.cases["cases"]) {
    std::vector<TokenId> prompt = model->start_tokens("", "");
    const auto words = test["prompt"].get<std::vector<TokenId>>();
    prompt.insert(prompt.end(), words.begin(), words.end());
    const GenerationConfig config = setting_of(test["setting"], model->generation_defaults(""), prompt.size());
    const auto decoder = model->decoder(pixels);
    const auto results = generate(*decoder, std::vector(pictures, prompt), config);
    for (std::size_t p = 0; p < pictures; ++p) {
      ASSERT_EQ(results[p].size(), test["results"][p].size());
      for (std::size_t k = 0; k < results[p].size(); ++k) {
        expect_generation(results[p][k], test["results"][p][k],
                          fmt::format("{} picture {} rank {}", test["setting"].dump(), p, k));
      }
    }
  }
}

TEST(BlipAnswers, AreTheReferences) {
  const auto folder = golden("blip/vqa");
  const Expected expected(folder);
  const auto model = load_picture_answerer(folder, Precision::f32);
  for (const Json& test : expected.cases["cases"]) {
    const auto question = test["question"].get<std::vector<TokenId>>();
    const std::int64_t picture = test["picture"];
    const auto decoder = model->decoder(expected["pixel_values"].rows(picture, picture + 1), question);
    const GenerationConfig config = setting_of(test["setting"], model->generation_defaults(), 1);
    const auto results = generate(*decoder, std::vector(1, model->start_tokens()), config);
    expect_generation(results[0][0], test, test.dump());
  }
}

TEST(BlipMatching, LogitsAreTheReferences) {
  const auto folder = golden("blip/itm");
  const Expected expected(folder);
  const auto model = load_picture_matcher(folder, Precision::f32);
  for (const Json& test : expected.cases["cases"]) {
    const std::int64_t picture = test["picture"];
    const std::vector<std::vector<TokenId>> texts(1, test["ids"].get<std::vector<TokenId>>());
    const auto scores = model->match(expected["pixel_values"].rows(picture, picture + 1), texts);
    EXPECT_NEAR(scores[0].no, test["itm"][0].get<float>(), 1e-4);
    EXPECT_NEAR(scores[0].yes, test["itm"][1].get<float>(), 1e-4);
  }
}

TEST(BlipCheckpoint, RefusesWhatDoesNotFit) {
  try {
    load_captioner(golden("blip/vqa"));
    FAIL() << "a question-answering checkpoint is no captioner";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported_model);
    EXPECT_THAT(error.hint(), HasSubstr("BlipForConditionalGeneration"));
  }
  // A layer more than the checkpoint has: every missing tensor is named.
  SpoiledCheckpoint spoiled(golden("blip/caption_a"));
  spoiled.patch("config.json", {{"text_config", {{"num_hidden_layers", 3}}}});
  try {
    load_captioner(spoiled.folder());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_weights);
    EXPECT_THAT(error.message(), HasSubstr("text_decoder.bert.encoder.layer.2.crossattention.self.key.weight"));
  }
}

TEST(BlipPrompt, StartsWithTheDecodersTokenAndDropsItsOwnEnd) {
  const auto model = load_captioner(golden("blip/caption_a"), Precision::f32);
  EXPECT_EQ(model->start_tokens("", ""), (std::vector<TokenId>{95}));
  const auto ids = model->start_tokens("en", "a dog");
  ASSERT_EQ(ids.size(), 3u);
  EXPECT_EQ(model->text({ids.begin() + 1, ids.end()}), "a dog");
  EXPECT_THROW(model->start_tokens("zh", ""), Error);
  std::string endless;
  for (int i = 0; i < 200; ++i) endless += "dog ";
  EXPECT_THROW(model->start_tokens("", endless), Error);
}

}  // namespace
}  // namespace gaze
