#include "media/resample_taps.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace gaze {
namespace {

double box(double x) {
  return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

double bilinear(double x) {
  if (x < 0.0) x = -x;
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  if (x < 0.0) x = -x;
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  if (x < 0.0) x = -x;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) {
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

struct Filter {
  double (*weight)(double);
  double support;
};

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::box:
      return {box, 0.5};
    case Resample::bilinear:
      return {bilinear, 1.0};
    case Resample::hamming:
      return {hamming, 1.0};
    case Resample::bicubic:
      return {bicubic, 2.0};
    case Resample::lanczos:
      return {lanczos, 3.0};
    case Resample::nearest:
      break;
  }
  GAZE_CHECK(!"nearest has no taps");
  return {};
}

}  // namespace

ResampleTaps resample_taps(int from, int to, int begin, int outputs, Resample resample) {
  const Filter filter = filter_of(resample);
  const double scale = static_cast<double>(from) / to;
  const double filter_scale = std::max(scale, 1.0);
  const double support = filter.support * filter_scale;
  const double inverse = 1.0 / filter_scale;

  ResampleTaps taps;
  taps.stride = static_cast<int>(std::ceil(support)) * 2 + 1;
  taps.windows.resize(static_cast<std::size_t>(outputs));
  taps.weights.assign(static_cast<std::size_t>(outputs) * taps.stride, 0);
  std::vector<double> weights(static_cast<std::size_t>(taps.stride));
  for (int out = 0; out < outputs; ++out) {
    const double centre = (begin + out + 0.5) * scale;
    // NOLINTBEGIN(bugprone-incorrect-roundings): PIL's rounding, to the bit
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int count = std::min(from, static_cast<int>(centre + support + 0.5)) - first;
    // NOLINTEND(bugprone-incorrect-roundings)
    taps.windows[out] = {first, count};
    double total = 0.0;
    for (int i = 0; i < count; ++i) {
      weights[i] = filter.weight((i + first - centre + 0.5) * inverse);
      total += weights[i];
    }
    for (int i = 0; i < count; ++i) {
      const double weight = (total != 0.0 ? weights[i] / total : weights[i]) * (1 << kTapBits);
      taps.weights[static_cast<std::size_t>(out) * taps.stride + i] =
          static_cast<std::int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  return taps;
}

}  // namespace gaze
