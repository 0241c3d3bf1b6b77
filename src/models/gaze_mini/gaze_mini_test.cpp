// The built-in model against torch, step by step (tools/goldens/make_gaze_mini.py).
#include "models/gaze_mini/gaze_mini.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "generate/generate.h"
#include "media/image.h"
#include "models/gaze_mini/captioner.h"
#include "models/gaze_mini/picture_network.h"
#include "models/gaze_mini/text_tower.h"
#include "models/testing.h"
#include "ops/norm.h"

namespace gaze {
namespace {

using testing::golden;
using testing::relative_error;
using testing::smallest_cosine;

class GazeMiniSteps : public ::testing::Test {
 protected:
  static Checkpoint open() {
    const std::filesystem::path folder = golden("gaze_mini/tiny");
    return {folder, read_json_file(folder / "config.json"), open_weights(folder / "model.safetensors")};
  }
  Tensor expected(const std::string& name) const { return steps_->tensor(name).to_f32(); }
  std::vector<TokenId> ids(const std::string& name) const {
    const Tensor tensor = steps_->tensor(name);
    return {tensor.values<std::int32_t>().begin(), tensor.values<std::int32_t>().end()};
  }
  WeightScope scope(Precision precision) const { return {weights_, precision}; }

  // The reference's [batch, channels, side, side] of one picture, channels last.
  static Tensor channels_last(const Tensor& x, std::int64_t picture) {
    const std::int64_t channels = x.size(1), pixels = x.size(2) * x.size(3);
    Tensor turned = Tensor::empty({pixels, channels}, DType::f32);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < pixels; ++p) {
        turned.data<float>()[p * channels + c] = x.data<float>()[(picture * channels + c) * pixels + p];
      }
    }
    return turned;
  }

  const Checkpoint checkpoint_ = open();
  const gaze_mini::Config config_ = gaze_mini::parse_config(checkpoint_.config, "config.json");
  const std::shared_ptr<const WeightSource> weights_ = gaze_mini::checked_weights(checkpoint_, config_);
  const std::shared_ptr<const WeightSource> steps_ = open_weights(checkpoint_.folder / "steps.safetensors");
};

TEST_F(GazeMiniSteps, EveryBlockOfThePictureNetwork) {
  const gaze_mini::PictureNetwork network(scope(Precision::f32) / "vision_model", config_.vision);
  const Tensor pixels = expected("pixel_values");
  for (std::int64_t picture = 0; picture < 2; ++picture) {
    const Tensor one = pixels.rows(picture, picture + 1);
    EXPECT_LT(relative_error(network.features(one, 0), channels_last(expected("vision.stem"), picture)), 1e-5);
    for (int block = 0; block < static_cast<int>(config_.vision.blocks.size()); ++block) {
      const Tensor wanted = channels_last(expected(fmt::format("vision.block.{}", block)), picture);
      EXPECT_LT(relative_error(network.features(one, block + 1), wanted), 1e-5) << block;
    }
  }
}

TEST_F(GazeMiniSteps, VectorsOfPicturesAndTexts) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    const WeightScope all = scope(precision);
    const gaze_mini::PictureNetwork network(all / "vision_model", config_.vision);
    Tensor pooled = Tensor::empty({2, config_.vision.hidden_size}, DType::f32), no_map;
    network.run(expected("pixel_values"), pooled, no_map);
    EXPECT_GT(smallest_cosine(pooled, expected("vision.pooled")), precision == Precision::f32 ? 0.999999 : 0.999);
    LayerNorm(all / "visual_norm", config_.layer_norm_eps)(pooled, pooled);
    Tensor images = Tensor::empty({2, config_.projection_dim}, DType::f32);
    Linear(all / "visual_projection")(pooled, images);
    l2_normalize(images);
    EXPECT_GT(smallest_cosine(images, expected("image_embeds")), precision == Precision::f32 ? 0.999999 : 0.999);

    const gaze_mini::TextTower tower(all / "text_model", config_.text);
    const std::vector<std::vector<TokenId>> texts{{7, 9, 11, 13, 3}, {30, 6, 3}, {3}};
    const std::vector<const std::vector<TokenId>*> group{&texts[0], &texts[1], &texts[2]};
    Tensor mean = Tensor::empty({3, config_.text.encoder.hidden_size}, DType::f32);
    Tensor words = Tensor::empty({3, config_.projection_dim}, DType::f32);
    tower.pool(group, mean);
    Linear(all / "text_projection")(mean, words);
    l2_normalize(words);
    EXPECT_GT(smallest_cosine(words, expected("text_embeds")), precision == Precision::f32 ? 0.999999 : 0.999);
  }
}

TEST_F(GazeMiniSteps, MirroredPicturesShareTheirMean) {
  gaze_mini::VisionConfig mirrored = config_.vision;
  mirrored.mirror = true;
  const gaze_mini::PictureNetwork network(scope(Precision::f32) / "vision_model", mirrored);
  const Tensor pixels = expected("pixel_values").rows(0, 1);
  Tensor flipped = pixels.clone();
  const std::int64_t side = config_.vision.image_size;
  for (std::int64_t row = 0; row < 3 * side; ++row) {
    std::reverse(flipped.data<float>() + row * side, flipped.data<float>() + (row + 1) * side);
  }
  Tensor one = Tensor::empty({1, config_.vision.hidden_size}, DType::f32), other = one.clone(), no_map;
  network.run(pixels, one, no_map);
  network.run(flipped, other, no_map);
  EXPECT_LT(relative_error(one, other), 1e-6);
  EXPECT_GT(relative_error(one, expected("vision.pooled").rows(0, 1)), 1e-4);  // not the picture's alone
}

class GazeMiniCaptions : public GazeMiniSteps {
 protected:
  Tensor memory_of(const gaze_mini::CaptionDecoder& decoder) const {
    const gaze_mini::PictureNetwork network(scope(Precision::f32) / "vision_model", config_.vision);
    const std::int64_t side = config_.vision.map_side();
    Tensor pooled = Tensor::empty({2, config_.vision.hidden_size}, DType::f32);
    Tensor map = Tensor::empty({2, side * side, config_.vision.map_channels()}, DType::f32);
    network.run(expected("pixel_values"), pooled, map);
    return decoder.picture(map, pooled);
  }
};

TEST_F(GazeMiniCaptions, WhatTheDecoderSeesAndSays) {
  const gaze_mini::CaptionDecoder decoder(scope(Precision::f32) / "decoder", config_.decoder);
  const Tensor memory = memory_of(decoder);
  EXPECT_LT(relative_error(memory, expected("decoder.picture")), 1e-5);
  CrossDecoder state(decoder, memory);
  const std::vector<std::vector<TokenId>> prompts{{4, 8, 15, 16, 23}, {5, 39, 7, 7, 10}};
  EXPECT_LT(relative_error(state.all_logits(prompts), expected("decoder.logits")), 1e-5);
}

TEST_F(GazeMiniCaptions, GreedyAndBeamCaptionsAreTheReferences) {
  const gaze_mini::CaptionDecoder decoder(scope(Precision::f32) / "decoder", config_.decoder);
  const Tensor memory = memory_of(decoder);
  for (const auto& [language, token] : config_.decoder.language_token_ids) {
    for (const int beams : {1, 3}) {
      GenerationConfig config;
      apply_generation_config(read_json_file(checkpoint_.folder / "generation_config.json"), "tiny", config);
      config.num_beams = beams;
      CrossDecoder state(decoder, memory);
      const auto captions = generate(state, std::vector(2, std::vector{token}), config);
      for (std::size_t picture = 0; picture < 2; ++picture) {
        std::vector<TokenId> got = captions[picture][0].ids;
        if (!got.empty() && got.back() == config_.decoder.eos_token_id) got.pop_back();
        EXPECT_EQ(got, ids(fmt::format("caption.{}.beams{}.{}", language, beams, picture)));
      }
    }
  }
}

// The shipped weights: what the reference answers to ordinary and hostile texts and to four pictures.
class GazeMiniShipped : public ::testing::Test {
 protected:
  const std::filesystem::path folder_ = std::filesystem::path(GAZE_SOURCE_DIR) / "models/gaze-mini";
  const Json expected_ = read_json_file(golden("gaze_mini/real.json"));
  const std::shared_ptr<const WeightSource> values_ = open_weights(golden("gaze_mini/real.safetensors"));

  Tensor pixels(const ImageProcessor& processor) const {
    const auto count = static_cast<std::int64_t>(expected_["pictures"].size());
    Tensor all = Tensor::empty({count, 3, processor.output_height(), processor.output_width()}, DType::f32);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string name = expected_["pictures"][static_cast<std::size_t>(i)];
      processor.process(load_image(golden("gaze_mini") / name), all.rows(i, i + 1).data<float>());
    }
    return all;
  }
};

TEST_F(GazeMiniShipped, ReadsTextsAndPicturesAsTheReference) {
  const auto model = load_dual_encoder(folder_, {.precision = Precision::f32});
  std::vector<std::vector<TokenId>> texts;
  for (const Json& test : expected_["texts"]) {
    const std::string text = test["text"];
    texts.push_back(model->tokenizer().encode(text, {.max_length = model->info().context_length}));
    EXPECT_EQ(texts.back(), test["ids"].get<std::vector<TokenId>>()) << text;
  }
  EXPECT_GT(smallest_cosine(model->encode_texts(texts), values_->tensor("text_embeds").to_f32()), 0.99999);
  const Tensor images = model->encode_images(pixels(model->image_processor()));
  EXPECT_GT(smallest_cosine(images, values_->tensor("image_embeds").to_f32()), 0.99999);
}

TEST_F(GazeMiniShipped, CaptionsAsTheReference) {
  const auto model = load_captioner(folder_, Precision::f32);
  const Tensor all = pixels(model->image_processor());
  for (const auto& [name, captions] : expected_["captions"].items()) {  // "en, 5 beams"
    GenerationConfig config = model->generation_defaults(name.substr(0, 2));
    config.num_beams = std::stoi(name.substr(4));
    const auto decoder = model->decoder(all);
    const std::vector prompts(captions.size(), model->start_tokens(name.substr(0, 2), ""));
    const auto results = generate(*decoder, prompts, config);
    for (std::size_t i = 0; i < captions.size(); ++i) {
      EXPECT_EQ(model->text(results[i][0].ids), captions[i]["text"].get<std::string>()) << name;
    }
  }
}

TEST_F(GazeMiniSteps, RefusesAConfigThatMakesNoSense) {
  const auto refused = [&](const char* patch) {
    Json config = checkpoint_.config;
    config.merge_patch(Json::parse(patch));
    try {
      gaze_mini::checked_weights(checkpoint_, gaze_mini::parse_config(config, "config.json"));
      return false;
    } catch (const Error& error) {
      return error.code() == ErrorCode::bad_weights;
    }
  };
  EXPECT_FALSE(refused("{}"));
  EXPECT_TRUE(refused(R"({"vision_config": null})"));
  EXPECT_TRUE(refused(R"({"vision_config": {"blocks": []}})"));
  EXPECT_TRUE(refused(R"({"vision_config": {"blocks": [{"kernel_size": 7, "in_channels": 8, "out_channels": 6}]}})"));
  EXPECT_TRUE(refused(R"({"vision_config": {"blocks": [{"in_channels": 10, "out_channels": 6}]}})"));
  EXPECT_TRUE(refused(R"({"vision_config": {"mirror": "yes"}})"));
  EXPECT_TRUE(refused(R"({"vision_config": {"image_size": 0}})"));
  EXPECT_TRUE(refused(R"({"text_config": {"hidden_size": 15}})"));
  EXPECT_TRUE(refused(R"({"decoder_config": {"language_token_ids": {"en": 4000}}})"));
  EXPECT_TRUE(refused(R"({"projection_dim": 13})"));
}

}  // namespace
}  // namespace gaze
