#include "media/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace gaze {
namespace {

// The mean over 2 · radius + 1 neighbours along x, the picture's edge repeated.
void blur_rows(std::vector<float>& raster, int width, int height, int radius) {
  std::vector<float> row(static_cast<std::size_t>(width));
  for (int y = 0; y < height; ++y) {
    float* const line = raster.data() + static_cast<std::ptrdiff_t>(y) * width;
    std::copy_n(line, width, row.begin());
    for (int x = 0; x < width; ++x) {
      double sum = 0;
      for (int d = -radius; d <= radius; ++d) sum += row[static_cast<std::size_t>(std::clamp(x + d, 0, width - 1))];
      line[x] = static_cast<float>(sum / (2 * radius + 1));
    }
  }
}

std::vector<float> transposed(const std::vector<float>& raster, int width, int height) {
  std::vector<float> out(raster.size());
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      out[static_cast<std::size_t>(x) * height + y] = raster[static_cast<std::size_t>(y) * width + x];
    }
  }
  return out;
}

// The raster between its points, at fractions of its sides.
float between(std::span<const float> raster, int width, int height, double x, double y) {
  x = std::clamp(x * width - 0.5, 0.0, width - 1.0);
  y = std::clamp(y * height - 0.5, 0.0, height - 1.0);
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const int right = std::min(left + 1, width - 1), bottom = std::min(top + 1, height - 1);
  const auto at = [&](int column, int row) -> double { return raster[static_cast<std::size_t>(row) * width + column]; };
  const double dx = x - left, dy = y - top;
  return static_cast<float>((at(left, top) * (1 - dx) + at(right, top) * dx) * (1 - dy) +
                            (at(left, bottom) * (1 - dx) + at(right, bottom) * dx) * dy);
}

// Of a share of warmth in [0, 1]: through red and yellow to white.
std::array<double, 3> warm_colour(double share) {
  constexpr std::array<std::array<double, 3>, 4> kColours{
      {{60, 10, 60}, {215, 40, 30}, {255, 190, 30}, {255, 255, 235}}};
  const double place = share * (kColours.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(place), kColours.size() - 2);
  std::array<double, 3> colour{};
  for (std::size_t c = 0; c < 3; ++c) {
    colour[c] = kColours[low][c] + (place - static_cast<double>(low)) * (kColours[low + 1][c] - kColours[low][c]);
  }
  return colour;
}

}  // namespace

std::vector<float> heat_raster(std::span<const HeatSpot> spots, int width, int height) {
  GAZE_CHECK(width > 0 && height > 0);
  std::vector<float> raster(static_cast<std::size_t>(width) * height);
  double smallest = 1e9;
  for (const auto& [region, weight] : spots) {
    const double left = region.left * width, right = region.right * width;
    const double top = region.top * height, bottom = region.bottom * height;
    if (!(right > left && bottom > top)) continue;
    smallest = std::min({smallest, right - left, bottom - top});
    const double density = weight / ((right - left) * (bottom - top));
    const int last_row = std::min(height, static_cast<int>(std::ceil(bottom)));
    const int last_column = std::min(width, static_cast<int>(std::ceil(right)));
    for (int y = std::max(0, static_cast<int>(std::floor(top))); y < last_row; ++y) {
      const double rows = std::min<double>(bottom, y + 1) - std::max<double>(top, y);
      for (int x = std::max(0, static_cast<int>(std::floor(left))); x < last_column; ++x) {
        const double columns = std::min<double>(right, x + 1) - std::max<double>(left, x);
        raster[static_cast<std::size_t>(y) * width + x] += static_cast<float>(density * rows * columns);
      }
    }
  }
  const int radius = static_cast<int>(std::min(smallest, static_cast<double>(std::min(width, height))) / 4);
  for (int pass = 0; radius > 0 && pass < 2; ++pass) {
    blur_rows(raster, width, height, radius);
    raster = transposed(raster, width, height);
    blur_rows(raster, height, width, radius);
    raster = transposed(raster, height, width);
  }
  return raster;
}

Image draw_heat(const Image& picture, std::span<const float> raster, int width, int height, float coldest,
                float warmest) {
  Image out = picture;
  const double scale = warmest > coldest ? 1 / (double{warmest} - coldest) : 0;
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* pixel = out.row(y);
    for (int x = 0; x < out.width; ++x, pixel += 3) {
      const float heat = between(raster, width, height, (x + 0.5) / out.width, (y + 0.5) / out.height);
      const double share = std::clamp((double{heat} - coldest) * scale, 0.0, 1.0);
      const std::array<double, 3> colour = warm_colour(share);
      for (std::size_t c = 0; c < 3; ++c) {
        const double dyed = pixel[c] * (0.45 + 0.1 * share) + colour[c] * 0.5 * share;
        pixel[c] = static_cast<std::uint8_t>(std::clamp(dyed, 0.0, 255.0));
      }
    }
  }
  return out;
}

}  // namespace gaze
