// LLaVA against the reference: the tower's states, the vectors of pictures, greedy ids of prompts with pictures.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/chat_testing.h"
#include "models/llava/picture_encoder.h"

namespace gaze::llava {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;

class LlavaGolden : public ::testing::TestWithParam<std::string> {
 protected:
  const bool gguf_ = GetParam() == "gguf";  // of "plain", as llama.cpp has it
  const Expected expected_{golden(gguf_ ? "llava/plain" : "llava/" + GetParam())};
  const std::unique_ptr<const llama::ChatModel> model_ =
      gguf_ ? load_chat_model(golden("llava/plain.gguf"), Precision::f32, golden("llava/plain-mmproj.gguf"))
            : load_chat_model(golden("llava/" + GetParam()), Precision::f32);
};
INSTANTIATE_TEST_SUITE_P(Reference, LlavaGolden, ::testing::Values("plain", "full", "gguf"));

TEST_P(LlavaGolden, TheTowersStatesAndTheVectorsAreTheReferences) {
  const auto& pictures = dynamic_cast<const LlavaPictures&>(*model_->pictures());
  const Tensor pixels = expected_["pixel_values"];
  for (int layers = 0; layers <= pictures.tower().config().encoder.num_hidden_layers; ++layers) {
    EXPECT_LT(
        relative_error(pictures.tower().hidden_states(pixels, layers), expected_[fmt::format("vision.{}", layers)]),
        2e-5)
        << layers;
  }
  EXPECT_LT(relative_error(pictures.vectors(pixels), expected_["vectors"]), 2e-5);
}

TEST_P(LlavaGolden, AnswersAboutPicturesAreTheReferences) {
  testing::expect_reference_answers(*model_, expected_.cases, golden("llava"));
}

// A question put into the model's template; the picture's token stands once and becomes what its vectors need.
TEST_P(LlavaGolden, PromptsAreTheReferences) {
  // A GGUF file's tokenizer follows the older rule, which puts a space behind special tokens.
  const TokenId space = model_->tokenizer().id("\u2581");
  for (const Json& each : expected_.cases.at("cases")) {
    if (each.at("question").is_null()) continue;
    const ChatLine line{ChatRole::user, each.at("question"), static_cast<int>(each.at("pictures").size())};
    const TokenId token = model_->pictures()->picture_token();
    std::vector<TokenId> ids;
    for (const TokenId id : model_->chat_template().encode({&line, 1}, model_->tokenizer(), token)) {
      if (id != token) {
        ids.push_back(id);
      } else {
        const auto vectors = expected_["vectors"].size(1);
        ids.insert(ids.end(), static_cast<std::size_t>(vectors), token);
      }
    }
    auto expected = each.at("prompt_ids").get<std::vector<TokenId>>();
    if (gguf_) std::erase(ids, space), std::erase(expected, space);
    EXPECT_EQ(ids, expected) << each.at("question");
  }
}

// In the layout of LLaVA's authors, whose tower is another checkpoint and whose pictures become squares first.
TEST(OwnLayout, AnswersAboutPicturesAreTheReferences) {
  const Expected expected(golden("llava/own"));
  const auto model = load_chat_model(golden("llava/own"), Precision::f32, golden("llava/own_tower"));
  const auto& names = expected.cases.at("pictures");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto file = names[i].get<std::string>();
    const EncodedPicture seen = model->pictures()->encode(read_file(golden("llava") / file, MiB), file, {});
    EXPECT_LT(relative_error(seen.vectors,
                             expected["vectors"].rows(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1)),
              2e-5)
        << file;
  }
  testing::expect_reference_answers(*model, expected.cases, golden("llava"));
  testing::expect_reference_prompts(*model, expected.cases, golden("llava"));
}

// Padding lies around the picture: the outermost patches reach beyond it.
TEST(OwnLayout, PlacesAreOfTheWholePicture) {
  const auto model = load_chat_model(golden("llava/own"), Precision::f32, golden("llava/own_tower"));
  const EncodedPicture seen = model->pictures()->encode(read_file(golden("llava/wide.png"), MiB), "wide.png", {});
  const std::vector<Region> places = model->pictures()->places(seen, 41, 26);
  ASSERT_EQ(places.size(), 9u);
  EXPECT_NEAR(places[0].left, 0, 1e-9);
  EXPECT_NEAR(places[8].right, 1, 1e-9);
  EXPECT_NEAR(places[0].top, -7 / 26.0, 1e-9);
  EXPECT_NEAR(places[8].bottom, 34 / 26.0, 1e-9);
}

// LLaVA-1.6's, which holds its tower; the other checkpoint says how large pictures are.
TEST(OwnLayout, TilesAreThoseOfLlavaNext) {
  const Expected expected(golden("llava_next/vicuna"));
  const auto model = load_chat_model(golden("llava/own_next"), Precision::f32, golden("llava/own_tower"));
  for (const Json& picture : expected.cases.at("pictures")) {
    const auto file = picture.get<std::string>();
    const EncodedPicture seen = model->pictures()->encode(read_file(golden("llava_next") / file, MiB), file, {});
    EXPECT_LT(relative_error(seen.vectors, expected["vectors." + file]), 2e-5) << file;
  }
  testing::expect_reference_answers(*model, expected.cases, golden("llava_next"));
}

TEST(OwnLayout, WhatIsMissingOrUnknownIsSaid) {
  set_language(Language::english);
  EXPECT_EQ(missing_tower(golden("llava/own")), "small/own_tower");
  EXPECT_EQ(missing_tower(golden("llava/plain")), "");
  for (const auto& [text, code, fault] :
       {std::tuple{R"({"mm_projector_type": "linear"})", ErrorCode::unsupported_model, "linear"},
        {R"({"mm_projector_type": null})", ErrorCode::unsupported_model, "linear"},
        {R"({"mm_use_im_start_end": true})", ErrorCode::unsupported_model, "mm_use_im_start_end"},
        {R"({"image_aspect_ratio": "highres"})", ErrorCode::unsupported_model, "highres"},
        {R"({"mm_patch_merge_type": "spatial_unpad"})", ErrorCode::unsupported_model, "spatial_unpad"},
        {R"({"model_type": "llava_qwen"})", ErrorCode::unsupported_model, "llava_qwen"},
        {R"({"mm_vision_select_layer": -9})", ErrorCode::bad_weights, "mm_vision_select_layer"},
        {R"({"mm_vision_select_feature": "cls"})", ErrorCode::bad_weights, "mm_vision_select_feature"},
        {R"({"num_hidden_layers": 3})", ErrorCode::bad_weights, "model.layers.2"},
        {R"({})", ErrorCode::model_not_found, "small/own_tower"}}) {
    const testing::SpoiledCheckpoint checkpoint(golden("llava/own"));
    checkpoint.patch("config.json", Json::parse(text));
    try {
      const bool given = code != ErrorCode::model_not_found;
      load_chat_model(checkpoint.folder(), Precision::f32, given ? golden("llava/own_tower") : "");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << text << error.message();
      EXPECT_THAT(error.message(), ::testing::HasSubstr(fault)) << text;
    }
  }
}

TEST(Llava, NamesOfEveryReleaseAreKnown) {
  EXPECT_EQ(canonical_name("language_model.model.layers.0.mlp.up_proj.weight"), "model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(canonical_name("model.language_model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(canonical_name("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(canonical_name("lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(canonical_name("vision_tower.vision_model.pre_layrnorm.bias"), "vision_tower.pre_layrnorm.bias");
  EXPECT_EQ(canonical_name("model.vision_tower.vision_model.pre_layrnorm.bias"), "vision_tower.pre_layrnorm.bias");
  EXPECT_EQ(canonical_name("vision_tower.pre_layrnorm.bias"), "vision_tower.pre_layrnorm.bias");
  EXPECT_EQ(canonical_name("multi_modal_projector.linear_1.bias"), "multi_modal_projector.linear_1.bias");
  EXPECT_EQ(canonical_name("model.multi_modal_projector.linear_1.bias"), "multi_modal_projector.linear_1.bias");
}

TEST(Llava, ConfigsThatMakeNoSenseAreRefused) {
  set_language(Language::english);
  const testing::SpoiledCheckpoint checkpoint(golden("llava/plain"));
  const std::string original = read_text_file(checkpoint.folder() / "config.json", MiB);
  for (const auto& [text, code, fault] :
       {std::tuple{R"({"vision_feature_layer": -6})", ErrorCode::bad_weights, "vision_feature_layer"},
        {R"({"vision_feature_layer": 4})", ErrorCode::bad_weights, "vision_feature_layer"},
        {R"({"vision_feature_layer": [-2, -3]})", ErrorCode::bad_weights, "vision_feature_layer"},
        {R"({"vision_feature_select_strategy": "cls"})", ErrorCode::bad_weights, "vision_feature_select_strategy"},
        {R"({"image_token_index": -200})", ErrorCode::bad_weights, "image_token_index"},
        {R"({"projector_hidden_act": "sin"})", ErrorCode::unsupported_model, "sin"},
        {R"({"vision_config": {"model_type": "siglip_vision_model"}})", ErrorCode::unsupported_model, "siglip"},
        {R"({"text_config": {"model_type": "qwen2"}})", ErrorCode::unsupported_model, "qwen2"},
        {R"({"text_config": {"vocab_size": 10}})", ErrorCode::bad_weights, "10"},
        {R"({"vision_config": {"image_size": 32}})", ErrorCode::bad_weights, "32"},
        {R"({"vision_config": {"num_hidden_layers": 4}})", ErrorCode::bad_weights, "vision_tower.encoder.layers.3"},
        {R"({"multimodal_projector_bias": false})", ErrorCode::bad_weights, "multi_modal_projector.linear_1.bias"}}) {
    write_file_atomically(checkpoint.folder() / "config.json", original);
    checkpoint.patch("config.json", Json::parse(text));
    try {
      load_chat_model(checkpoint.folder(), Precision::f32);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << text;
      EXPECT_THAT(error.message(), ::testing::HasSubstr(fault)) << text;
    }
  }
}

}  // namespace
}  // namespace gaze::llava
