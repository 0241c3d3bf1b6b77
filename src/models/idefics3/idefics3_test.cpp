// Idefics3 (SmolVLM) against the reference: the tower's states, tiles and the vectors of pictures, and what is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/chat_testing.h"
#include "models/idefics3/picture_encoder.h"

namespace gaze::idefics3 {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;

class Idefics3 : public ::testing::Test {
 protected:
  void SetUp() override { set_language(Language::english); }

  const std::filesystem::path folder_ = golden("idefics3");
  const Expected expected_{folder_};
};

TEST_F(Idefics3, TilesStatesAndVectorsAreTheReferences) {
  const auto model = load_chat_model(folder_, Precision::f32);
  const auto& pictures = dynamic_cast<const Idefics3Pictures&>(*model->pictures());
  const Tensor pixels = expected_["pixel_values"];
  for (int layers = 0; layers <= 2; ++layers) {
    EXPECT_LT(
        relative_error(pictures.hidden_states(pixels.rows(0, 2), layers), expected_[fmt::format("vision.{}", layers)]),
        2e-5)
        << layers;
  }
  EXPECT_LT(relative_error(pictures.vectors(pixels), expected_["vectors.wide.png"]), 2e-5);

  const TileProcessor processor = parse_tile_processor(read_json_file(folder_ / "preprocessor_config.json"), "p", 24);
  const Tiles cut = processor.cut(load_image(golden("llava/wide.png")));
  ASSERT_EQ(std::ssize(cut.tiles), pixels.size(0));
  EXPECT_EQ(cut.rows * cut.columns + 1, pixels.size(0));
  Tensor own = Tensor::empty(pixels.shape(), DType::f32);
  for (std::size_t i = 0; i < cut.tiles.size(); ++i) {
    processor.pixels.process(cut.tiles[i], own.data<float>() + i * 3 * 24 * 24);
  }
  EXPECT_THAT(own.values<float>(), ::testing::ElementsAreArray(pixels.values<float>()));

  for (const Json& name : expected_.cases.at("pictures")) {
    const auto file = name.get<std::string>();
    const EncodedPicture picture = pictures.encode(read_file(golden("llava") / file, MiB), file, {});
    EXPECT_LT(relative_error(picture.vectors, expected_["vectors." + file]), 2e-5) << file;
    EXPECT_EQ(std::ranges::count(picture.ids, pictures.picture_token()), picture.vectors.size(0));
  }
}

TEST_F(Idefics3, AnswersAboutPicturesAreTheReferences) {
  const auto model = load_chat_model(folder_, Precision::f32);
  testing::expect_reference_answers(*model, expected_.cases, golden("llava"));
  testing::expect_reference_prompts(*model, expected_.cases, golden("llava"));
}

// The same weights as llama.cpp's converter writes them give the same numbers, words and prompts.
TEST_F(Idefics3, AsTwoGgufFilesAnswersAboutPicturesAreTheReferences) {
  for (const std::string name : {"idefics3", "idefics3-f16"}) {
    const auto model = load_chat_model(golden(name + ".gguf"), Precision::f32, golden(name + "-mmproj.gguf"));
    for (const Json& picture : expected_.cases.at("pictures")) {
      const auto file = picture.get<std::string>();
      const EncodedPicture seen = model->pictures()->encode(read_file(golden("llava") / file, MiB), file, {});
      EXPECT_LT(relative_error(seen.vectors, expected_["vectors." + file]), 2e-5) << name << file;
    }
    testing::expect_reference_answers(*model, expected_.cases, golden("llava"));
    testing::expect_reference_prompts(*model, expected_.cases, golden("llava"));
  }
}

// On pictures SmolVLM2 is the same model under other names.
TEST_F(Idefics3, SmolVlm2IsTheSameOnPictures) {
  const testing::SpoiledCheckpoint checkpoint(folder_);
  checkpoint.patch("config.json", {{"architectures", {"SmolVLMForConditionalGeneration"}},
                                   {"model_type", "smolvlm"},
                                   {"vision_config", {{"model_type", "smolvlm_vision"}}}});
  checkpoint.patch("preprocessor_config.json", {{"image_processor_type", "SmolVLMImageProcessor"}});
  const auto model = load_chat_model(checkpoint.folder(), Precision::f32);
  testing::expect_reference_answers(*model, expected_.cases, golden("llava"));
}

TEST_F(Idefics3, PicturesOfAnyShapeAreCut) {
  const TileProcessor processor = parse_tile_processor(read_json_file(folder_ / "preprocessor_config.json"), "p", 24);
  for (const auto& [width, height, rows, columns] :
       {std::tuple{1, 1, 3, 3}, {3, 1, 1, 3}, {5000, 1, 1, 3}, {1, 5000, 3, 1}, {60, 60, 3, 3}, {60, 20, 1, 3}}) {
    const Tiles cut = processor.cut({width, height, std::vector<std::uint8_t>(std::size_t{3} * width * height, 9)});
    EXPECT_EQ(cut.rows, rows) << width << "×" << height;
    EXPECT_EQ(cut.columns, columns) << width << "×" << height;
    EXPECT_EQ(std::ssize(cut.tiles), rows * columns + 1);
    for (const Image& tile : cut.tiles) EXPECT_EQ(tile.rgb.size(), std::size_t{3} * 24 * 24);
  }
}

TEST_F(Idefics3, ConfigsThatMakeNoSenseAreRefused) {
  for (const auto& [file, text, code, fault] :
       {std::tuple{"config.json", R"({"scale_factor": 3})", ErrorCode::bad_weights, "scale_factor"},
        {"config.json", R"({"scale_factor": 0})", ErrorCode::bad_weights, "scale_factor"},
        {"config.json", R"({"image_token_id": -1})", ErrorCode::bad_weights, "image_token_id"},
        {"config.json", R"({"vision_config": {"patch_size": 7}})", ErrorCode::bad_weights, "patch_size"},
        {"config.json", R"({"vision_config": {"num_attention_heads": 3}})", ErrorCode::bad_weights, "hidden_size"},
        {"config.json", R"({"vision_config": {"image_size": 48}})", ErrorCode::bad_weights, "48"},
        {"config.json", R"({"text_config": {"model_type": "qwen2"}})", ErrorCode::unsupported_model, "qwen2"},
        {"preprocessor_config.json", R"({"max_image_size": {"longest_edge": 0}})", ErrorCode::bad_weights,
         "longest_edge"},
        {"preprocessor_config.json", R"({"size": {"longest_edge": 4000}})", ErrorCode::bad_weights, "size"},
        {"preprocessor_config.json", R"({"size": [5]})", ErrorCode::bad_weights, "size"},
        {"preprocessor_config.json", R"({"do_resize": false})", ErrorCode::bad_weights, "do_resize"},
        {"preprocessor_config.json", R"({"image_std": [0, 1, 1]})", ErrorCode::bad_weights, "image_std"}}) {
    const testing::SpoiledCheckpoint checkpoint(folder_);
    checkpoint.patch(file, Json::parse(text));
    try {
      load_chat_model(checkpoint.folder(), Precision::f32);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << text << error.message();
      EXPECT_THAT(error.message(), ::testing::HasSubstr(fault)) << text;
    }
  }
  // A token that is no mark of the tokenizer's is found out at the first picture.
  const testing::SpoiledCheckpoint checkpoint(folder_);
  checkpoint.patch("config.json", {{"image_token_id", 9999}});
  const auto model = load_chat_model(checkpoint.folder(), Precision::f32);
  EXPECT_THROW(model->pictures()->encode(read_file(golden("llava/wide.png"), MiB), "wide.png", {}), Error);
}

}  // namespace
}  // namespace gaze::idefics3
