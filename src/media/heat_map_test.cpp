#include "media/heat_map.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace gaze {
namespace {

double sum(const std::vector<float>& raster) {
  return std::accumulate(raster.begin(), raster.end(), 0.0);
}

TEST(HeatMap, WeightsAreSpreadOverTheirRegions) {
  const HeatSpot spots[] = {{{0, 0, 1, 1}, 2}, {{0.5, 0, 1, 0.5}, 1}, {{0, 0, 0, 0}, 5}};
  for (const auto& [width, height] : {std::pair(7, 5), {2, 2}, {1, 1}, {64, 3}}) {
    EXPECT_NEAR(sum(heat_raster(spots, width, height)), 3, 0.05) << width;
  }
  const std::vector<float> raster = heat_raster(spots, 40, 40);
  EXPECT_NEAR(raster[5 * 40 + 35], (2 + 4 * 1) / 1600.0, 1e-5);  // top right
  EXPECT_NEAR(raster[35 * 40 + 5], 2 / 1600.0, 1e-5);
}

TEST(HeatMap, WhatLiesOutsideIsLost) {
  const HeatSpot spots[] = {{{-0.5, 0, 0.5, 1}, 1}, {{2, 2, 3, 3}, 1}};
  EXPECT_NEAR(sum(heat_raster(spots, 60, 20)), 0.5, 0.05);
}

TEST(HeatMap, WarmPartsAreBrighter) {
  const Image grey{30, 10, std::vector<std::uint8_t>(900, 100)};
  const HeatSpot spots[] = {{{0.6, 0, 1, 1}, 1}};
  const std::vector<float> raster = heat_raster(spots, 30, 10);
  const Image drawn = draw_heat(grey, raster, 30, 10, 0, *std::ranges::max_element(raster));
  EXPECT_LT(drawn.row(5)[3 * 3], 60);
  EXPECT_GT(drawn.row(5)[3 * 26], 170);
  EXPECT_EQ(draw_heat(grey, raster, 30, 10, 1, 1).row(5)[3], 45);  // nothing to tell apart
}

}  // namespace
}  // namespace gaze
