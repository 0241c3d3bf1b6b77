#include "media/image_processor.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "media/testing.h"

namespace gaze {
namespace {

// Bit for bit, over classes, old and new configs, odd crops, padding and strange sides.
TEST(ImageProcessor, GivesTheReferencesFloats) {
  const Json golden = read_json_file(std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/image_processor.json");
  ASSERT_GT(golden["entries"].size(), 50u);
  for (const auto& entry : golden["entries"]) {
    SCOPED_TRACE(entry.dump());
    const ImageProcessor processor = parse_image_processor(entry["config"], "config");
    ASSERT_EQ(processor.output_height(), entry["shape"][1]);
    ASSERT_EQ(processor.output_width(), entry["shape"][2]);
    std::vector<float> pixels(std::size_t{3} * processor.output_height() * processor.output_width(), -99.0f);
    processor.process(noise(entry["picture"][0], entry["picture"][1]), pixels.data());
    EXPECT_EQ(checksum(pixels), entry["crc"]);
  }
}

TEST(ImageProcessor, TakesPicturesOfAnyShape) {
  const ImageProcessor processor = parse_image_processor(Json::object(), "config");
  std::vector<float> pixels(std::size_t{3} * 224 * 224);
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 20000}, {20000, 1}, {3, 1}, {1, 3}, {3, 3}}) {
    processor.process(noise(width, height), pixels.data());
    EXPECT_NE(pixels[0], 0.0f);
  }
}

TEST(ImageProcessor, ReadsAFileAsThePictureInIt) {
  const ImageProcessor processor = parse_image_processor(Json::parse(R"({"size": 40, "crop_size": 32})"), "config");
  const auto folder = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden/media";
  for (const char* file : {"jpeg-s2.jpg", "jpeg-s0-progressive.jpg", "jpeg-cmyk.jpg", "jpeg-2x300.jpg",
                           "exif-turned-6.jpg", "exif-turned-3.jpg", "gif.gif"}) {
    std::vector<float> streamed(std::size_t{3} * 32 * 32), whole(streamed.size(), 1);
    processor.process(read_file(folder / file, 1 << 20), file, {}, streamed.data());
    processor.process(load_image(folder / file), whole.data());
    EXPECT_EQ(streamed, whole) << file;
  }
}

TEST(ImageProcessor, RefusesWhatItDoesNotKnow) {
  const auto code = [](const char* text) {
    try {
      parse_image_processor(Json::parse(text), "config");
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::internal;
  };
  EXPECT_EQ(code(R"({"image_processor_type": "Wav2Vec2Processor"})"), ErrorCode::unsupported_model);
  EXPECT_EQ(code(R"({"size": {"shortest_edge": 224}, "do_center_crop": false})"), ErrorCode::unsupported_model);
  EXPECT_EQ(code(R"({"size": {"longest_edge": 224}})"), ErrorCode::unsupported_model);
  EXPECT_EQ(code(R"({"size": 0})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"size": -224})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"size": 1e300})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"size": 1000000})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"resample": 9})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"image_mean": [1, 2]})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"image_std": [0, 1, 1]})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"({"do_resize": 1})"), ErrorCode::bad_weights);
  EXPECT_EQ(code(R"([])"), ErrorCode::bad_weights);
}

}  // namespace
}  // namespace gaze
