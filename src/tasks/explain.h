// `gaze ask --explain`: where in the pictures an answer looked.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "media/heat_map.h"
#include "media/image.h"

namespace gaze {

struct LookedAt {
  Image picture;
  std::vector<HeatSpot> spots;  // the attention that each part of it got
};

// Draws the pictures beside each other, warm where the answer looked (on one scale for all), and the answer under
// them. The PNG appears whole or not at all. Errors: out_of_memory, those of writing.
void draw_explanation(const std::filesystem::path& output, std::span<const LookedAt> looked, const std::string& answer);

}  // namespace gaze
