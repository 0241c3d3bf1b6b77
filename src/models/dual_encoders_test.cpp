// Dual encoders against transformers: vectors and logits of all, the layers of Chinese-CLIP and SigLIP
// (tools/goldens/make_clip.py, make_dual_encoders.py).
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "models/chinese_clip/text_tower.h"
#include "models/clip/vision_tower.h"
#include "models/dual_encoder.h"
#include "models/siglip/towers.h"
#include "models/testing.h"

namespace gaze {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;
using testing::smallest_cosine;

class DualEncoderGolden : public ::testing::TestWithParam<std::string> {
 protected:
  const std::filesystem::path folder_ = golden(GetParam());
  const Expected expected_{folder_};
};
INSTANTIATE_TEST_SUITE_P(Families, DualEncoderGolden,
                         ::testing::Values("clip/openai", "clip/laion", "chinese_clip", "siglip"));

TEST_P(DualEncoderGolden, VectorsAndLogitsAreTheReferences) {
  const auto model = load_dual_encoder(folder_, {.precision = Precision::f32});
  const auto texts = expected_.texts();
  const Tensor images = model->encode_images(expected_["pixel_values"]), words = model->encode_texts(texts);
  EXPECT_LT(relative_error(images, expected_["image_embeds"]), 1e-5);
  EXPECT_LT(relative_error(words, expected_["text_embeds"]), 1e-5);

  Tensor logits = Tensor::zeros({images.size(0), words.size(0)}, DType::f32);
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    for (std::int64_t t = 0; t < words.size(0); ++t) {
      double cosine = 0;
      for (std::int64_t k = 0; k < images.size(1); ++k) {
        cosine += double{images.data<float>()[i * images.size(1) + k]} * words.data<float>()[t * images.size(1) + k];
      }
      logits.data<float>()[i * words.size(0) + t] =
          static_cast<float>(cosine) * model->info().logit_scale + model->info().logit_bias;
    }
  }
  EXPECT_LT(relative_error(logits, expected_["logits_per_image"]), 1e-5);
  EXPECT_EQ(model->info().sigmoid, GetParam() == "siglip");
}

TEST_P(DualEncoderGolden, OtherPrecisionsStayClose) {
  for (const Precision precision : {Precision::bf16, Precision::int8}) {
    const auto model = load_dual_encoder(folder_, {.precision = precision});
    const double least = precision == Precision::bf16 ? 0.999 : 0.98;  // 36 numbers wide: coarser than real models
    EXPECT_GT(smallest_cosine(model->encode_images(expected_["pixel_values"]), expected_["image_embeds"]), least);
    EXPECT_GT(smallest_cosine(model->encode_texts(expected_.texts()), expected_["text_embeds"]), least);
  }
}

TEST_P(DualEncoderGolden, ATextsVectorDoesNotDependOnItsNeighbours) {
  const auto model = load_dual_encoder(folder_, {.precision = Precision::f32});
  const auto texts = expected_.texts();
  const Tensor together = model->encode_texts(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    EXPECT_LT(relative_error(model->encode_texts({&texts[i], 1}), together.rows(row, row + 1)), 1e-5);
  }
  EXPECT_EQ(model->encode_texts({}).size(0), 0);
}

TEST(ChineseClip, ATokenizerOfMoreWordsThanTheModelKnowsIsRefused) {
  const testing::SpoiledCheckpoint spoiled(golden("chinese_clip"));
  std::ofstream(spoiled.folder() / "vocab.txt", std::ios::app) << "\nsunrise\n";
  try {
    load_dual_encoder(spoiled.folder());
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_weights);
  }
}

TEST(ChineseClip, EveryLayerIsTheReferences) {
  const auto folder = golden("chinese_clip");
  const Expected expected(folder);
  const Json json = read_json_file(folder / "config.json");
  const ConfigReader whole(json, "config.json");
  const WeightScope scope(open_weights(folder), Precision::f32);
  const auto vision_config = clip::parse_vision_config(whole.child("vision_config"));
  const clip::VisionTower vision(scope / "vision_model", vision_config);
  for (int layer = 0; layer <= vision_config.encoder.num_hidden_layers; ++layer) {
    const Tensor states = vision.hidden_states(expected["pixel_values"], layer);
    EXPECT_LT(relative_error(states, expected[fmt::format("vision.{}", layer)]), 1e-5) << layer;
  }
  const auto text_config = chinese_clip::parse_text_config(whole.child("text_config"));
  const chinese_clip::TextTower text(scope / "text_model", text_config);
  for (int layer = 0; layer <= text_config.encoder.num_hidden_layers; ++layer) {
    const Tensor states = text.hidden_states(expected.texts()[3], layer);
    EXPECT_LT(relative_error(states, expected[fmt::format("text.{}", layer)]), 1e-5) << layer;
  }
}

TEST(Siglip, EveryLayerIsTheReferences) {
  const auto folder = golden("siglip");
  const Expected expected(folder);
  const Json json = read_json_file(folder / "config.json");
  const ConfigReader whole(json, "config.json");
  const WeightScope scope(open_weights(folder), Precision::f32);
  const auto vision_config = siglip::parse_vision_config(whole.child("vision_config"));
  const siglip::VisionTower vision(scope / "vision_model", vision_config);
  for (int layer = 0; layer <= vision_config.encoder.num_hidden_layers; ++layer) {
    const Tensor states = vision.hidden_states(expected["pixel_values"], layer);
    EXPECT_LT(relative_error(states, expected[fmt::format("vision.{}", layer)]), 1e-5) << layer;
  }
  Tensor pooled = Tensor::empty(expected["pooled"].shape(), DType::f32);
  vision.pool(expected["pixel_values"], pooled);
  EXPECT_LT(relative_error(pooled, expected["pooled"]), 1e-5);

  const auto text_config = siglip::parse_text_config(whole.child("text_config"));
  const siglip::TextTower text(scope / "text_model", text_config);
  const auto texts = expected.texts();
  for (int layer = 0; layer <= text_config.encoder.num_hidden_layers; ++layer) {
    const Tensor all = expected[fmt::format("text.{}", layer)];
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      EXPECT_LT(relative_error(text.hidden_states(texts[i], layer), all.rows(row, row + 1)), 1e-5) << layer;
    }
  }
}

}  // namespace
}  // namespace gaze
