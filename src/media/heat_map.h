// Parts of a picture, and how warm each is, drawn over it.
#pragma once

#include <span>

#include "media/image.h"

namespace gaze {

// In fractions of the picture's width and height; may reach beyond it, where a model was shown its padding.
struct Region {
  double left = 0, top = 0, right = 0, bottom = 0;
};

struct HeatSpot {
  Region region;
  double weight = 0;  // spread evenly over the region; regions may overlap, their weights then add up
};

// The weights as density on a raster of the picture: what of a spot lies outside of it is lost. `width` × `height`
// numbers, rows from the top, smoothed over about half of the smallest spot.
std::vector<float> heat_raster(std::span<const HeatSpot> spots, int width, int height);

// The picture darkened where it is cold, and dyed from red over yellow to white where it is warm; `warmest` is the
// density that is white. raster: as heat_raster's.
Image draw_heat(const Image& picture, std::span<const float> raster, int width, int height, float coldest,
                float warmest);

}  // namespace gaze
