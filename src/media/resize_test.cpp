#include "media/resize.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "media/orientation.h"
#include "media/resize_kernels.h"
#include "media/testing.h"

namespace gaze {
namespace {

Image cropped(const Image& image, int left, int top, int width, int height) {
  Image out{width, height, {}};
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* const row = image.row(top + y) + 3 * left;
    out.rgb.insert(out.rgb.end(), row, row + 3 * width);
  }
  return out;
}

// Every SIMD kernel against the plain one: odd widths, unaligned windows, few and many taps, black and white extremes.
TEST(ResizeKernels, AllGiveTheSameBytes) {
  const ResizeKernels& plain = *usable_resize_kernels().front();
  for (const ResizeKernels* kernels : usable_resize_kernels()) {
    SCOPED_TRACE(kernels->name);
    for (const int width : {1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 61, 1003}) {
      for (const int to : {1, 3, 8, 40, 333}) {
        for (const Resample resample : {Resample::bilinear, Resample::bicubic, Resample::lanczos, Resample::box}) {
          Image image = noise(width, kBlockRows);
          for (std::size_t i = 0; i < image.rgb.size(); i += 2) image.rgb[i] = image.rgb[i] < 128 ? 0 : 255;
          const std::uint8_t* rows[kBlockRows];
          for (int y = 0; y < kBlockRows; ++y) rows[y] = image.row(y);
          const ResampleTaps taps = resample_taps(width, to, 0, to, resample);
          const auto columns = [&](const ResizeKernels& which) {
            const int end = (width + 3) / 4;
            std::vector<std::uint8_t> quads(static_cast<std::size_t>(end) * kQuadBytes);
            std::vector<std::uint8_t> out(static_cast<std::size_t>(to) * 3 * kBlockRows);
            which.gather(rows, width, 0, end, quads.data());
            which.horizontal(quads.data(), pack_taps(taps, which), out.data());
            return out;
          };
          EXPECT_EQ(columns(*kernels), columns(plain)) << width << " to " << to;
        }
      }
    }
    for (const int count : {1, 2, 3, 16}) {
      for (const int width : {1, 5, 6, 21, 100}) {
        const Image image = noise(width, count);
        const ResampleTaps taps = resample_taps(count, 1, 0, 1, Resample::bicubic);
        std::vector<const std::uint8_t*> rows;
        for (int y = 0; y < count; ++y) rows.push_back(image.row(y));
        const auto row = [&](const ResizeKernels& which) {
          std::vector<std::uint8_t> out(static_cast<std::size_t>(width) * 3);
          which.vertical(rows.data(), taps.of(0), count, out.size(), out.data());
          return out;
        };
        EXPECT_EQ(row(*kernels), row(plain)) << count << " rows of " << width;
      }
    }
  }
}

TEST(Resize, PartIsACropOfTheWhole) {
  const Image image = noise(101, 67);
  for (const Resample resample : {Resample::nearest, Resample::bilinear, Resample::bicubic}) {
    for (const auto& [width, height] : {std::pair{40, 30}, {101, 30}, {40, 67}, {101, 67}, {250, 9}}) {
      const Image whole = resize(image, width, height, resample);
      const Image part = resize(image, {width, height, 3, 2, 17, 5, resample});
      EXPECT_EQ(part.rgb, cropped(whole, 3, 2, 17, 5).rgb) << width << " × " << height;
    }
  }
}

TEST(Resize, TurnsWhileItResizes) {
  const Image stored = noise(67, 101);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = upright(stored, orientation);
    for (const Resample resample : {Resample::nearest, Resample::bilinear, Resample::bicubic}) {
      for (const auto& [width, height] : {std::pair{40, 30}, {turned.width, 30}, {40, turned.height}, {250, 60}}) {
        const ResizePlan plan{width, height, 3, 2, 17, 25, resample};
        EXPECT_EQ(resize_turned(stored, orientation, plan).rgb, resize(turned, plan).rgb)
            << "orientation " << orientation << ", " << width << " × " << height;
      }
    }
  }
}

TEST(RowResizer, EqualsTheWholePicture) {
  for (const auto& [width, height] : {std::pair{101, 67}, {16, 16}, {5, 1}, {1, 33}}) {
    const Image image = noise(width, height);
    const ResizePlan plan{20, 40, 2, 3, 11, 30, Resample::bicubic};
    RowResizer resizer(width, height, plan);
    for (int y = 0; y < height; ++y) {
      std::copy_n(image.row(y), 3 * width, resizer.row());
      resizer.take_row();
    }
    EXPECT_EQ(resizer.finish().rgb, resize(image, plan).rgb) << width << " × " << height;
  }
}

}  // namespace
}  // namespace gaze
