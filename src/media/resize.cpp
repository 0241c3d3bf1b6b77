#include "media/resize.h"

#include <algorithm>

#include "base/check.h"
#include "media/resample_taps.h"

namespace gaze {
namespace {

Image blank(int width, int height) {
  return {width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
}

// Source positions of one side as Pillow's ImagingScaleAffine has them: summed up, not multiplied. -1: outside.
std::vector<int> nearest_positions(int from, int to, int begin, int count) {
  std::vector<int> positions;
  const double step = static_cast<double>(from) / to;
  double at = step * 0.5;
  for (int i = 0; i < begin + count; ++i, at += step) {
    if (i >= begin) positions.push_back(static_cast<int>(at) < from ? static_cast<int>(at) : -1);
  }
  return positions;
}

Image nearest(const Image& image, const ResizePlan& plan) {
  const auto columns = nearest_positions(image.width, plan.width, plan.left, plan.part_width);
  const auto rows = nearest_positions(image.height, plan.height, plan.top, plan.part_height);
  Image out = blank(plan.part_width, plan.part_height);
  for (int y = 0; y < out.height; ++y) {
    if (rows[y] < 0) continue;
    for (int x = 0; x < out.width; ++x) {
      if (columns[x] >= 0) std::copy_n(image.row(rows[y]) + 3 * columns[x], 3, out.row(y) + 3 * x);
    }
  }
  return out;
}

Image horizontal(const Image& image, const ResampleTaps& taps) {
  Image out = blank(static_cast<int>(taps.windows.size()), image.height);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const auto [first, count] = taps.windows[x];
      const std::int32_t* const weights = taps.of(x);
      const std::uint8_t* const in = image.row(y) + 3 * first;
      std::int32_t sum[3] = {0, 0, 0};
      for (int i = 0; i < count; ++i) {
        for (int c = 0; c < 3; ++c) sum[c] += in[3 * i + c] * weights[i];
      }
      for (int c = 0; c < 3; ++c) out.row(y)[3 * x + c] = round_taps(sum[c]);
    }
  }
  return out;
}

Image vertical(const Image& image, const ResampleTaps& taps) {
  Image out = blank(image.width, static_cast<int>(taps.windows.size()));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(image.width) * 3);
  for (int y = 0; y < out.height; ++y) {
    const auto [first, count] = taps.windows[y];
    std::fill(sums.begin(), sums.end(), 0);
    for (int i = 0; i < count; ++i) {
      const std::uint8_t* const in = image.row(first + i);
      const std::int32_t weight = taps.of(y)[i];
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += in[k] * weight;
    }
    std::transform(sums.begin(), sums.end(), out.row(y), round_taps);
  }
  return out;
}

Image crop(const Image& image, int left, int top, int width, int height) {
  Image out = blank(width, height);
  for (int y = 0; y < height; ++y) std::copy_n(image.row(top + y) + 3 * left, 3 * width, out.row(y));
  return out;
}

}  // namespace

Image resize(const Image& image, const ResizePlan& plan) {
  GAZE_CHECK(plan.left >= 0 && plan.part_width > 0 && plan.left + plan.part_width <= plan.width);
  GAZE_CHECK(plan.top >= 0 && plan.part_height > 0 && plan.top + plan.part_height <= plan.height);
  GAZE_CHECK(image.width > 0 && image.height > 0);
  if (plan.width == image.width && plan.height == image.height) {
    return crop(image, plan.left, plan.top, plan.part_width, plan.part_height);
  }
  if (plan.resample == Resample::nearest) return nearest(image, plan);
  const bool same_width = plan.width == image.width;
  const Image narrow =
      same_width ? crop(image, plan.left, 0, plan.part_width, image.height)
                 : horizontal(image, resample_taps(image.width, plan.width, plan.left, plan.part_width, plan.resample));
  if (plan.height == image.height) return crop(narrow, 0, plan.top, plan.part_width, plan.part_height);
  return vertical(narrow, resample_taps(image.height, plan.height, plan.top, plan.part_height, plan.resample));
}

Image resize(const Image& image, int width, int height, Resample resample) {
  return resize(image, {width, height, 0, 0, width, height, resample});
}

}  // namespace gaze
