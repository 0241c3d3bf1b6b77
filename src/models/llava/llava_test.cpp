// LLaVA against the reference: the tower's states, the vectors of pictures, greedy ids of prompts with pictures.
#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "generate/generate.h"
#include "models/chat_models.h"
#include "models/llava/mmproj.h"
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
    const auto decoder = model_->decoder(std::ssize(ids) + 12);
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

// What the eyes' file says, and all of its head: a model that can be used, or a refusal.
TEST(Mmproj, IsHarmlessForged) {
  set_language(Language::english);
  const auto model = load_chat_model(golden("llava/plain.gguf"), Precision::f32);
  const std::string whole = read_text_file(golden("llava/plain-mmproj.gguf"), MiB);
  const auto open = [&](const std::string& bytes) {
    const auto memory = std::make_shared<const std::string>(bytes);
    return open_mmproj({std::as_bytes(std::span(memory->data(), memory->size())), memory, "forged"}, model->config(),
                       model->tokenizer(), Precision::f32);
  };
  ASSERT_NO_THROW(open(whole));
  const auto with = [&](const std::string& key, const auto& value) {
    const std::size_t found = whole.find(key);
    EXPECT_NE(found, std::string::npos) << key;
    std::string changed = whole;
    std::memcpy(changed.data() + found + key.size() + sizeof(std::uint32_t), &value, sizeof(value));
    return changed;
  };
  const auto renamed = [&](const std::string& word, const std::string& other) {
    std::string changed = whole;
    for (std::size_t at; (at = changed.find(word)) != std::string::npos;) changed.replace(at, word.size(), other);
    return changed;
  };
  std::vector<std::pair<std::string, const char*>> cases;
  for (const auto& [key, name] : {std::pair{"clip.vision.image_size", "image_size"},
                                  {"clip.vision.patch_size", "patch_size"},
                                  {"clip.vision.block_count", "num_hidden_layers"},
                                  {"clip.vision.embedding_length", "hidden_size"},
                                  {"clip.vision.feed_forward_length", "intermediate_size"},
                                  {"clip.vision.attention.head_count", "num_attention_heads"}}) {
    cases.emplace_back(with(key, 0u), name);
    cases.emplace_back(with(key, 0xFFFFFFFFu), name);
  }
  cases.emplace_back(with("clip.vision.block_count", 3u), "vision_tower.encoder.layers.2");
  cases.emplace_back(with("clip.vision.block_count", 1u), "vision_tower.encoder.layers.1");
  cases.emplace_back(with("clip.vision.image_size", 32u), "position_embedding");
  cases.emplace_back(with("clip.vision.patch_size", 6u), "patch_embedding");
  cases.emplace_back(with("clip.vision.attention.head_count", 5u), "num_attention_heads");
  cases.emplace_back(with("clip.vision.image_size", 1u << 14), "");
  cases.emplace_back(renamed("mm.2.", "mm.9."), "mm.9.weight");
  cases.emplace_back(renamed("blk.1", "blk.x"), "layers.x");
  cases.emplace_back(renamed("clip.vision.image_mean", "clip.vision.image_m_an"), "clip.vision.image_mean");
  cases.emplace_back(read_text_file(golden("llava/plain.gguf"), MiB), "llama");
  for (const auto& [bytes, fault] : cases) {
    try {
      open(bytes);
      ADD_FAILURE() << fault;
    } catch (const Error& error) {
      EXPECT_THAT(error.code(), ::testing::AnyOf(ErrorCode::bad_weights, ErrorCode::unsupported_model));
      EXPECT_THAT(error.message(), ::testing::HasSubstr(fault));
      EXPECT_THAT(error.message(), ::testing::HasSubstr("forged"));
    }
  }
  const std::size_t head = whole.find("mm.2.bias") + 64;
  for (std::size_t at = 0; at < head; ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    for (const std::string& bytes : {changed, whole.substr(0, at)}) {
      try {
        open(bytes);
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << error.message();
      }
    }
  }
}

TEST(Mmproj, BelongsToAGgufFile) {
  set_language(Language::english);
  for (const auto& [path, eyes, code] :
       {std::tuple{"llava/plain", "llava/plain-mmproj.gguf", ErrorCode::usage},
        {"llava/plain-mmproj.gguf", "llava/plain-mmproj.gguf", ErrorCode::unsupported_model},
        {"llava/plain.gguf", "llava/plain.gguf", ErrorCode::unsupported_model},
        {"llava/plain.gguf", "llava/none.gguf", ErrorCode::not_found}}) {
    try {
      load_chat_model(golden(path), Precision::f32, golden(eyes));
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.message();
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
