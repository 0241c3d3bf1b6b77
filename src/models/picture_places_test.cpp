// Where on a picture its vectors lie.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "models/chat_models.h"
#include "models/testing.h"

namespace gaze {
namespace {

using testing::golden;

std::vector<Region> places_of(const llama::ChatModel& model, const char* picture, int width, int height) {
  const EncodedPicture seen =
      model.pictures()->encode(read_file(golden("llava") / picture, MiB), picture, DecodeOptions{});
  std::vector<Region> places = model.pictures()->places(seen, width, height);
  EXPECT_EQ(std::ssize(places), seen.vectors.size(0));
  return places;
}

void expect_near(const Region& region, double left, double top, double right, double bottom) {
  EXPECT_NEAR(region.left, left, 1e-9);
  EXPECT_NEAR(region.top, top, 1e-9);
  EXPECT_NEAR(region.right, right, 1e-9);
  EXPECT_NEAR(region.bottom, bottom, 1e-9);
}

// 41 × 26 pixels become 37 × 24, of which the middle 24 columns are seen, in 3 × 3 patches.
TEST(PicturePlaces, LlavaSeesTheMiddleSquare) {
  const auto model = load_chat_model(golden("llava/plain"), Precision::f32);
  const auto places = places_of(*model, "wide.png", 41, 26);
  ASSERT_EQ(places.size(), 9u);
  expect_near(places[0], 6 / 37.0, 0, 14 / 37.0, 1 / 3.0);
  expect_near(places[5], 22 / 37.0, 1 / 3.0, 30 / 37.0, 2 / 3.0);
}

TEST(PicturePlaces, AClassTokenStandsForNoPart) {
  const auto model = load_chat_model(golden("llava/full"), Precision::f32);
  const auto places = places_of(*model, "tall.png", 23, 37);
  ASSERT_EQ(places.size(), 10u);
  expect_near(places[0], 0, 0, 0, 0);
  EXPECT_EQ(places[1].left, 0);
  EXPECT_GT(places[1].top, 0);
}

// Tiles row after row, 2 × 2 vectors each, and the whole picture at the end.
TEST(PicturePlaces, SmolVlmSeesTilesAndTheWhole) {
  const auto model = load_chat_model(golden("idefics3"), Precision::f32);
  const auto places = places_of(*model, "wide.png", 41, 26);
  ASSERT_EQ(places.size(), 4u * (3 * 2 + 1));
  expect_near(places[0], 0, 0, 1 / 6.0, 1 / 4.0);
  expect_near(places[3], 1 / 6.0, 1 / 4.0, 2 / 6.0, 2 / 4.0);
  expect_near(places[4 * 5 + 1], 5 / 6.0, 2 / 4.0, 1, 3 / 4.0);  // of the last tile
  expect_near(places[4 * 6 + 2], 0, 1 / 2.0, 1 / 2.0, 1);        // of the whole
  double area = 0;
  for (const Region& each : places) area += (each.right - each.left) * (each.bottom - each.top);
  EXPECT_NEAR(area, 2, 1e-9);
}

}  // namespace
}  // namespace gaze
