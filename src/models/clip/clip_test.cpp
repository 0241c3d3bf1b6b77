// CLIP against transformers, layer by layer (tools/goldens/make_clip.py), and checkpoints that do not fit. Its vectors
// are held in dual_encoders_test.cpp.
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "models/clip/text_tower.h"
#include "models/clip/vision_tower.h"
#include "models/dual_encoder.h"
#include "models/testing.h"

namespace gaze {
namespace {

using testing::Expected;
using testing::golden;
using ::testing::HasSubstr;
using testing::relative_error;
using testing::SpoiledCheckpoint;

class ClipGolden : public ::testing::TestWithParam<std::string> {
 protected:
  const std::filesystem::path folder_ = golden("clip/" + GetParam());
  const Expected expected_{folder_};
};
INSTANTIATE_TEST_SUITE_P(Published, ClipGolden, ::testing::Values("openai", "laion"));

TEST_P(ClipGolden, EveryLayerIsTheReferences) {
  const clip::Config config = clip::parse_config(read_json_file(folder_ / "config.json"), "config.json");
  const WeightScope scope(open_weights(folder_), Precision::f32);
  const clip::VisionTower vision(scope / "vision_model", config.vision);
  for (int layer = 0; layer <= config.vision.encoder.num_hidden_layers; ++layer) {
    const Tensor states = vision.hidden_states(expected_["pixel_values"], layer);
    EXPECT_LT(relative_error(states, expected_[fmt::format("vision.{}", layer)]), 1e-5) << layer;
  }
  const clip::TextTower text(scope / "text_model", config.text);
  const auto ids = expected_.texts()[2];
  ASSERT_EQ(static_cast<int>(ids.size()), config.text.max_position_embeddings);
  for (int layer = 0; layer <= config.text.encoder.num_hidden_layers; ++layer) {
    EXPECT_LT(relative_error(text.hidden_states(ids, layer), expected_[fmt::format("text.{}", layer)]), 1e-5) << layer;
  }
}

TEST_P(ClipGolden, TowersLoadAlone) {
  const auto images = load_dual_encoder(folder_, {.precision = Precision::f32, .text_tower = false});
  EXPECT_LT(relative_error(images->encode_images(expected_["pixel_values"]), expected_["image_embeds"]), 1e-5);
  const auto words = load_dual_encoder(folder_, {.precision = Precision::f32, .image_tower = false});
  EXPECT_LT(relative_error(words->encode_texts(expected_.texts()), expected_["text_embeds"]), 1e-5);
}

TEST(ClipConfig, MissingKeysHaveTheReferencesDefaults) {
  const clip::Config config = clip::parse_config(Json::parse(R"({
    "text_config": {"hidden_size": 640}, "vision_config": {"patch_size": 16},
    "text_config_dict": null, "vision_config_dict": {"hidden_size": 1024, "num_attention_heads": 16}})"),
                                                 "config.json");
  EXPECT_EQ(config.projection_dim, 512);
  EXPECT_EQ(config.text.encoder.hidden_size, 640);
  EXPECT_EQ(config.text.encoder.num_attention_heads, 8);
  EXPECT_EQ(config.text.encoder.intermediate_size, 2048);
  EXPECT_EQ(config.text.max_position_embeddings, 77);
  EXPECT_EQ(config.vision.encoder.hidden_size, 1024);
  EXPECT_EQ(config.vision.encoder.num_hidden_layers, 12);
  EXPECT_EQ(config.vision.encoder.intermediate_size, 3072);
  EXPECT_EQ(config.vision.encoder.hidden_act, Activation::quick_gelu);
  EXPECT_EQ(config.vision.patches(), 196);
}

// The error that loading gives.
Error refusal(const std::filesystem::path& folder) {
  try {
    load_dual_encoder(folder, {});
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "loaded";
  return {ErrorCode::internal, ""};
}

TEST(ClipCheckpoint, AllDifferencesAreNamedAtOnce) {
  const SpoiledCheckpoint spoiled(golden("clip/openai"));
  spoiled.patch("config.json", {{"projection_dim", 24},
                                {"vision_config", {{"num_hidden_layers", 4}}},
                                {"text_config", {{"num_hidden_layers", 1}}}});
  const Error error = refusal(spoiled.folder());
  EXPECT_EQ(error.code(), ErrorCode::bad_weights);
  EXPECT_THAT(error.message(), HasSubstr("visual_projection.weight [23, 30] ≠ [24, 30]"));
  EXPECT_THAT(error.message(), HasSubstr("text_projection.weight [23, 42] ≠ [24, 42]"));
  EXPECT_THAT(error.message(), HasSubstr("vision_model.encoder.layers.3.mlp.fc2.bias"));         // missing
  EXPECT_THAT(error.message(), HasSubstr("text_model.encoder.layers.1.self_attn.q_proj.bias"));  // extra
}

TEST(ClipCheckpoint, ConfigsThatMakeNoSenseAreRefused) {
  for (const auto changes :
       {R"({"vision_config": {"hidden_size": 0}})", R"({"vision_config": {"hidden_size": "wide"}})",
        R"({"vision_config": {"num_attention_heads": 7}})", R"({"vision_config": {"patch_size": 1000}})",
        R"({"text_config": {"num_hidden_layers": 2000000000}})", R"({"text_config": {"vocab_size": -1}})",
        R"({"text_config": {"layer_norm_eps": "small"}})", R"({"projection_dim": 18446744073709551615})",
        R"({"text_config": {"vocab_size": 20}})", R"({"vision_config": {"image_size": 36}})"}) {
    const SpoiledCheckpoint spoiled(golden("clip/openai"));
    spoiled.patch("config.json", Json::parse(changes));
    EXPECT_EQ(refusal(spoiled.folder()).code(), ErrorCode::bad_weights) << changes;
  }
}

TEST(ClipCheckpoint, WhatIsNotSupportedIsNamedWithWhatIs) {
  const SpoiledCheckpoint spoiled(golden("clip/openai"));
  spoiled.patch("config.json", {{"architectures", {"FlavaModel"}}});
  Error error = refusal(spoiled.folder());
  EXPECT_EQ(error.code(), ErrorCode::unsupported_model);
  EXPECT_THAT(error.message(), HasSubstr("FlavaModel"));
  EXPECT_THAT(error.hint(), HasSubstr("CLIPModel"));

  spoiled.patch("config.json", {{"architectures", nullptr}, {"text_config", {{"hidden_act", "mish"}}}});
  error = refusal(spoiled.folder());
  EXPECT_EQ(error.code(), ErrorCode::unsupported_model);
  EXPECT_THAT(error.message(), HasSubstr("mish"));

  std::filesystem::remove(spoiled.folder() / "config.json");
  EXPECT_EQ(refusal(spoiled.folder()).code(), ErrorCode::model_not_found);
}

TEST(ClipCheckpoint, ThePreprocessorMustMakeWhatTheTowerTakes) {
  const SpoiledCheckpoint spoiled(golden("clip/openai"));
  spoiled.patch("preprocessor_config.json", {{"crop_size", {{"height", 28}, {"width", 27}}}});
  EXPECT_THAT(refusal(spoiled.folder()).message(), HasSubstr("27×28"));
}

}  // namespace
}  // namespace gaze
