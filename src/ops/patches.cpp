#include "ops/patches.h"

#include <cstring>

#include "base/parallel.h"

namespace gaze {
namespace {

void copy(const float* from, std::int64_t count, float* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

void copy(const float* from, std::int64_t count, Bf16* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = to_bf16(from[i]);
}

template <class Out>
void extract(const Tensor& pixels, std::int64_t patch, Out* to) {
  const std::int64_t channels = pixels.size(1), height = pixels.size(2), width = pixels.size(3);
  const std::int64_t down = height / patch, across = width / patch;
  const float* from = pixels.data<float>();
  parallel_for(pixels.size(0) * down, [=](std::int64_t index) {
    const std::int64_t image = index / down, py = index % down;
    Out* out = to + index * across * channels * patch * patch;
    for (std::int64_t px = 0; px < across; ++px) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const float* corner = from + ((image * channels + c) * height + py * patch) * width + px * patch;
        for (std::int64_t y = 0; y < patch; ++y, out += patch) copy(corner + y * width, patch, out);
      }
    }
  });
}

}  // namespace

void extract_patches(const Tensor& pixels, std::int64_t patch, Tensor& rows) {
  GAZE_CHECK(pixels.shape().rank() == 4 && patch > 0);
  const std::int64_t count = pixels.size(0) * (pixels.size(2) / patch) * (pixels.size(3) / patch);
  GAZE_CHECK(rows.elements() == count * pixels.size(1) * patch * patch);
  if (rows.dtype() == DType::f32) return extract(pixels, patch, rows.data<float>());
  extract(pixels, patch, rows.data<Bf16>());
}

}  // namespace gaze
