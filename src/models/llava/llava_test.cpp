// LLaVA against the reference: the tower's states, the vectors of pictures, greedy ids of prompts with pictures.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "generate/generate.h"
#include "models/chat_models.h"
#include "models/llava/picture_encoder.h"
#include "models/testing.h"
#include "ops/elementwise.h"

namespace gaze::llava {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;

class LlavaGolden : public ::testing::TestWithParam<std::string> {
 protected:
  EncodedPicture see(int picture) const {
    const auto file = golden("llava") / expected_.cases.at("pictures")[static_cast<std::size_t>(picture)];
    return model_->pictures()->encode(read_file(file, MiB), file.filename(), {});
  }

  const std::filesystem::path folder_ = golden("llava/" + GetParam());
  const Expected expected_{folder_};
  const std::unique_ptr<const llama::ChatModel> model_ = load_chat_model(folder_, Precision::f32);
};
INSTANTIATE_TEST_SUITE_P(Reference, LlavaGolden, ::testing::Values("plain", "full"));

TEST_P(LlavaGolden, TheTowersStatesAndTheVectorsAreTheReferences) {
  const auto& pictures = dynamic_cast<const LlavaPictures&>(*model_->pictures());
  const Tensor pixels = expected_["pixel_values"];
  for (int layers = 0; layers <= 3; ++layers) {
    EXPECT_LT(
        relative_error(pictures.tower().hidden_states(pixels, layers), expected_[fmt::format("vision.{}", layers)]),
        2e-5)
        << layers;
  }
  EXPECT_LT(relative_error(pictures.vectors(pixels), expected_["vectors"]), 2e-5);
}

TEST_P(LlavaGolden, AnswersAboutPicturesAreTheReferences) {
  for (const Json& each : expected_.cases.at("cases")) {
    llama::PictureVectors all{.token = model_->pictures()->picture_token()};
    std::vector<EncodedPicture> shown;
    for (const Json& picture : each.at("pictures")) shown.push_back(see(picture.get<int>()));
    std::int64_t at = 0;
    if (!shown.empty()) {
      const std::int64_t count = shown[0].vectors.size(0);
      all.vectors = Tensor::empty({count * std::ssize(shown), model_->config().hidden_size}, DType::f32);
      for (const EncodedPicture& picture : shown) {
        Tensor to = all.vectors.rows(at, at + count);
        convert(picture.vectors, to);
        at += count;
      }
      all.contents.assign(static_cast<std::size_t>(at), 1);
    }
    const auto ids = each.at("prompt_ids").get<std::vector<TokenId>>();
    const auto decoder = model_->decoder(std::ssize(ids) + 12, nullptr);
    decoder->set_pictures(std::move(all));
    const std::vector<std::vector<TokenId>> prompts{ids};
    GenerationConfig config = model_->generation_defaults();
    config.max_length = static_cast<int>(ids.size()) + 12;
    config.repetition_penalty = each.at("repetition_penalty").get<float>();
    EXPECT_EQ(generate(*decoder, prompts, config)[0][0].ids, each.at("ids").get<std::vector<TokenId>>()) << each;
  }
}

// A question put into the model's template; the picture's token stands once and becomes what its vectors need.
TEST_P(LlavaGolden, PromptsAreTheReferences) {
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
    EXPECT_EQ(ids, each.at("prompt_ids").get<std::vector<TokenId>>()) << each.at("question");
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
