#include "tasks/explain.h"

#include <algorithm>

#include "media/canvas.h"
#include "media/captioned_image.h"

namespace gaze {
namespace {

constexpr int kWidest = 1240, kHighest = 900;  // of all pictures together
constexpr int kGap = 8;
constexpr int kRaster = 256;       // points along a picture's longer side
constexpr double kClipped = 0.01;  // the share of points that may be warmer than the warmest colour: a few vectors
                                   // gather attention whatever they show

Image beside(std::span<const Image> images) {
  Image all{kGap * (static_cast<int>(images.size()) - 1), 1, {}};
  for (const Image& each : images) {
    all.width += each.width;
    all.height = std::max(all.height, each.height);
  }
  all.rgb.assign(std::size_t{3} * all.width * all.height, 255);
  int left = 0;
  for (const Image& each : images) {
    for (int y = 0; y < each.height; ++y) std::copy_n(each.row(y), 3 * each.width, all.row(y) + 3 * left);
    left += each.width + kGap;
  }
  return all;
}

}  // namespace

void draw_explanation(const std::filesystem::path& output, std::span<const LookedAt> looked,
                      const std::string& answer) {
  struct Drawn {
    Image picture;
    int width, height;  // of the raster
    std::vector<float> raster;
  };
  std::vector<Drawn> drawn;
  std::vector<float> all;
  const int room = std::max(1, kWidest / static_cast<int>(looked.size()) - kGap);
  for (const auto& [picture, spots] : looked) {
    Drawn one{fitted(picture, room, kHighest), 0, 0, {}};
    const int longer = std::max(picture.width, picture.height);
    one.width = std::max(1, kRaster * picture.width / longer);
    one.height = std::max(1, kRaster * picture.height / longer);
    one.raster = heat_raster(spots, one.width, one.height);
    // Densities of rasters of different sizes on one scale: per picture, not per point.
    for (float& each : one.raster) each *= static_cast<float>(one.width) * static_cast<float>(one.height);
    all.insert(all.end(), one.raster.begin(), one.raster.end());
    drawn.push_back(std::move(one));
  }
  const float coldest = *std::ranges::min_element(all);
  const auto place = all.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(all.size() - 1) * (1 - kClipped));
  std::ranges::nth_element(all, place);
  std::vector<Image> images;
  for (const Drawn& one : drawn) {
    images.push_back(draw_heat(one.picture, one.raster, one.width, one.height, coldest, *place));
  }
  write_captioned_image(output, beside(images), answer);
}

}  // namespace gaze
