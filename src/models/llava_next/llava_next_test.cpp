// LLaVA-NeXT against the reference: tiles bit for bit, the tower's states, the vectors of pictures of odd shapes,
// logits of every step, greedy ids, and what is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/chat_testing.h"
#include "models/llava_next/picture_encoder.h"

namespace gaze::llava_next {
namespace {

using testing::Expected;
using testing::golden;
using testing::relative_error;

std::filesystem::path picture_file(const std::string& name) {
  return golden("llava_next") / name;
}

class LlavaNextGolden : public ::testing::TestWithParam<std::string> {
 protected:
  const LlavaNextPictures& pictures() const { return dynamic_cast<const LlavaNextPictures&>(*model_->pictures()); }
  EncodedPicture see(const std::string& name) const {
    return pictures().encode(read_file(picture_file(name), MiB), name, {});
  }
  const std::filesystem::path folder_ = golden("llava_next/" + GetParam());
  const Expected expected_{folder_};
  const std::unique_ptr<const llama::ChatModel> model_ = load_chat_model(folder_, Precision::f32);
};
INSTANTIATE_TEST_SUITE_P(Reference, LlavaNextGolden, ::testing::Values("vicuna", "mistral"));

TEST_P(LlavaNextGolden, TilesStatesAndVectorsAreTheReferences) {
  const Expected pixels(golden("llava_next/vicuna"));  // the same for both models
  for (const Json& each : expected_.cases.at("pictures")) {
    const auto name = each.get<std::string>();
    const Tensor expected = pixels["pixels." + name];
    const std::vector<Image> tiles = pictures().processor().cut(load_image(picture_file(name)));
    ASSERT_EQ(std::ssize(tiles), expected.size(0)) << name;
    Tensor own = Tensor::empty(expected.shape(), DType::f32);
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      pictures().processor().pixels.process(tiles[i], own.data<float>() + i * 3 * 24 * 24);
    }
    EXPECT_THAT(own.values<float>(), ::testing::ElementsAreArray(expected.values<float>())) << name;
    const EncodedPicture seen = see(name);
    ASSERT_EQ(seen.vectors.shape(), expected_["vectors." + name].shape()) << name;
    EXPECT_LT(relative_error(seen.vectors, expected_["vectors." + name]), 2e-5) << name;
    EXPECT_EQ(std::ssize(seen.ids), seen.vectors.size(0));
  }
  const clip::VisionTower& tower = pictures().tiles().tower();
  for (int layers = 0; layers <= tower.config().encoder.num_hidden_layers; ++layers) {
    EXPECT_LT(relative_error(tower.hidden_states(pixels["pixels.wide.png"], layers),
                             expected_[fmt::format("vision.{}", layers)]),
              2e-5)
        << layers;
  }
}

TEST_P(LlavaNextGolden, AnswersAboutPicturesAreTheReferences) {
  testing::expect_reference_answers(*model_, expected_.cases, golden("llava_next"));
}

TEST_P(LlavaNextGolden, LogitsOfEveryStepAreTheReferences) {
  for (int i = 0; i < 6; ++i) {
    const Json& each = expected_.cases.at("cases")[static_cast<std::size_t>(i)];
    const Tensor expected = expected_[fmt::format("logits.{}", i)];
    const auto ids = each.at("ids").get<std::vector<TokenId>>();
    const std::vector<std::vector<TokenId>> prompts{each.at("prompt_ids").get<std::vector<TokenId>>()};
    const auto decoder = model_->decoder(std::ssize(prompts[0]) + 12);
    decoder->set_pictures(
        testing::vectors_of(*model_, testing::pictures_of(*model_, expected_.cases, each, golden("llava_next"))));
    ASSERT_EQ(expected.size(0), std::ssize(ids));
    Tensor own = Tensor::empty(expected.shape(), DType::f32);
    std::ranges::copy(decoder->start(prompts), own.data<float>());
    for (std::size_t step = 1; step < ids.size(); ++step) {
      const int parent = 0;
      std::ranges::copy(decoder->step(std::span(&ids[step - 1], 1), std::span(&parent, 1)),
                        own.data<float>() + static_cast<std::int64_t>(step) * expected.size(1));
    }
    EXPECT_LT(relative_error(own, expected), 5e-5) << i;
  }
}

TEST_P(LlavaNextGolden, PromptsAreTheReferences) {
  testing::expect_reference_prompts(*model_, expected_.cases, golden("llava_next"));
}

TEST_P(LlavaNextGolden, EveryVectorHasItsPlaceOnThePicture) {
  for (const Json& each : expected_.cases.at("pictures")) {
    const auto name = each.get<std::string>();
    const Image image = load_image(picture_file(name));
    const EncodedPicture seen = see(name);
    const std::vector<Region> places = pictures().places(seen, image.width, image.height);
    ASSERT_EQ(std::ssize(places), seen.vectors.size(0)) << name;
    double area = 0;  // of the tiles: the picture once, and what of its outermost patches is padding
    for (std::size_t i = 9; i < places.size(); ++i) {
      area += (places[i].right - places[i].left) * (places[i].bottom - places[i].top);
    }
    if (std::min(image.width, image.height) > 2) {  // thinner ones are less than a row of patches
      EXPECT_GT(area, 0.5) << name;
      EXPECT_LT(area, 3) << name;
    }
  }
}

// Sizes whose grid, and what is left of it, were found with the reference's functions and its published grids.
TEST(LlavaNext, GridsAndUnpaddingAreTheReferences) {
  const std::vector<Size> grids{{672, 336}, {336, 672}, {672, 672}, {336, 1008}, {1008, 336}};
  const TileProcessor processor{.tile_size = 336, .grids = grids, .pixels = {}};
  const Json cases = read_json_file(golden("llava_next") / "grids.json");
  ASSERT_GT(cases.size(), 100u);
  for (const Json& each : cases) {
    const int width = each[0], height = each[1];
    const Layout layout = processor.layout(width, height);
    EXPECT_EQ(layout.grid, (Size{each[2], each[3]})) << each;
    EXPECT_EQ(layout.picture, (Size{each[4], each[5]})) << each;
    const Kept kept = unpadded(width, height, layout.grid.width / 14, layout.grid.height / 14);
    EXPECT_EQ(kept.columns(), each[6].get<int>()) << each;
    EXPECT_EQ(kept.rows(), each[7].get<int>()) << each;
  }
}

TEST(LlavaNext, ConfigsThatMakeNoSenseAreRefused) {
  set_language(Language::english);
  for (const auto& [file, text, code, fault] :
       {std::tuple{"config.json", R"({"image_grid_pinpoints": []})", ErrorCode::bad_weights, "image_grid_pinpoints"},
        {"config.json", R"({"image_grid_pinpoints": [[24]]})", ErrorCode::bad_weights, "image_grid_pinpoints"},
        {"config.json", R"({"image_grid_pinpoints": [[24, 30]]})", ErrorCode::bad_weights, "image_grid_pinpoints"},
        {"config.json", R"({"image_grid_pinpoints": [[24, 0]]})", ErrorCode::bad_weights, "image_grid_pinpoints"},
        {"config.json", R"({"image_grid_pinpoints": [[24, 24000]]})", ErrorCode::bad_weights, "image_grid_pinpoints"},
        {"config.json", R"({"image_grid_pinpoints": "all up to 6x6"})", ErrorCode::bad_weights, "pinpoints"},
        {"config.json", R"({"vision_feature_select_strategy": "full"})", ErrorCode::unsupported_model, "full"},
        {"config.json", R"({"text_config": {"model_type": "qwen2"}})", ErrorCode::unsupported_model, "qwen2"},
        {"config.json", R"({"text_config": {"sliding_window": 0}})", ErrorCode::bad_weights, "sliding_window"},
        {"config.json", R"({"text_config": {"hidden_size": 32}})", ErrorCode::bad_weights, "image_newline"},
        {"preprocessor_config.json", R"({"image_grid_pinpoints": [[24, 24]]})", ErrorCode::bad_weights, "pinpoints"},
        {"preprocessor_config.json", R"({"crop_size": {"height": 24, "width": 48}})", ErrorCode::bad_weights, "48"},
        {"preprocessor_config.json", R"({"size": {"shortest_edge": 48}})", ErrorCode::bad_weights, "24"}}) {
    const testing::SpoiledCheckpoint checkpoint(golden("llava_next/mistral"));
    checkpoint.patch(file, Json::parse(text));
    try {
      load_chat_model(checkpoint.folder(), Precision::f32);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << text << error.message();
      EXPECT_THAT(error.message(), ::testing::HasSubstr(fault)) << text;
    }
  }
}

// Up to its window a Mistral attends to everything: that is its longest context here. A missing window is the
// reference's default, null is none.
TEST(LlavaNext, AMistralsWindowIsItsContext) {
  for (const auto& [window, positions] : {std::pair{Json(100), 100}, {Json(), 240}, {Json(5000), 240}}) {
    Json config = read_json_file(golden("llava_next/mistral/config.json"));
    config["text_config"]["sliding_window"] = window;
    EXPECT_EQ(parse_config({config, "c"}).text.max_position_embeddings, positions) << window;
  }
  Json config = read_json_file(golden("llava_next/mistral/config.json"));
  config["text_config"].erase("sliding_window");
  config["text_config"].erase("max_position_embeddings");
  EXPECT_EQ(parse_config({config, "c"}).text.max_position_embeddings, 4096);
}

}  // namespace
}  // namespace gaze::llava_next
