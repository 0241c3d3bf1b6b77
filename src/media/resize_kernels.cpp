#include "media/resize_kernels.h"

#include <algorithm>

#include "media/resize_kernels_x86.h"

namespace gaze {
namespace {

PackedQuad pack(const std::int32_t weights[4]) {
  PackedQuad packed;
  std::copy_n(weights, 4, packed.begin());
  return packed;
}

void gather(const std::uint8_t* const rows[kBlockRows], int width, int first_quad, int end_quad, std::uint8_t* quads) {
  gather_quads(rows, width, first_quad, end_quad, quads);
}

void horizontal(const std::uint8_t* quads, const PackedTaps& taps, std::uint8_t* columns) {
  const PackedQuad* weights = taps.quads.data();
  for (const auto [first, count] : taps.windows) {
    std::int32_t sums[3][kBlockRows] = {};
    for (int q = 0; q < count; ++q) {
      const std::uint8_t* const quad = quads + (first + q) * kQuadBytes;
      for (int c = 0; c < 3; ++c) {
        for (int row = 0; row < kBlockRows; ++row) {
          for (int i = 0; i < 4; ++i) {
            sums[c][row] += quad[(c * kBlockRows + row) * 4 + i] * static_cast<std::int32_t>(weights[q][i]);
          }
        }
      }
    }
    weights += count;
    for (auto& channel : sums) columns = std::transform(channel, channel + kBlockRows, columns, round_taps);
  }
}

void vertical(const std::uint8_t* const* rows, const std::int32_t* weights, int count, std::size_t bytes,
              std::uint8_t* out) {
  for (std::size_t i = 0; i < bytes; ++i) {
    std::int32_t sum = 0;
    for (int row = 0; row < count; ++row) sum += rows[row][i] * weights[row];
    out[i] = round_taps(sum);
  }
}

constexpr ResizeKernels kPlain{"plain", pack, gather, horizontal, vertical};

}  // namespace

void gather_quads(const std::uint8_t* const rows[kBlockRows], int width, int first_quad, int end_quad,
                  std::uint8_t* quads) {
  for (int quad = first_quad; quad < end_quad; ++quad) {
    for (int row = 0; row < kBlockRows; ++row) {
      for (int i = 0; i < 4; ++i) {
        const int x = 4 * quad + i;
        for (int c = 0; c < 3; ++c) {
          quads[quad * kQuadBytes + (c * kBlockRows + row) * 4 + i] = x < width ? rows[row][3 * x + c] : 0;
        }
      }
    }
  }
}

std::span<const ResizeKernels* const> usable_resize_kernels() {
  static const std::vector<const ResizeKernels*> usable = [] {
    std::vector<const ResizeKernels*> list{&kPlain};
    for (const ResizeKernels* kernels : x86_resize_kernels()) list.push_back(kernels);
    return list;
  }();
  return usable;
}

const ResizeKernels& resize_kernels() {
  static const ResizeKernels& best = *usable_resize_kernels().back();
  return best;
}

PackedTaps pack_taps(const ResampleTaps& taps, const ResizeKernels& kernels) {
  PackedTaps packed;
  std::vector<std::int32_t> padded;
  for (std::size_t x = 0; x < taps.windows.size(); ++x) {
    const auto [first, count] = taps.windows[x];
    const int first_quad = first / 4, end_quad = (first + count + 3) / 4;
    padded.assign(static_cast<std::size_t>(end_quad - first_quad) * 4, 0);
    std::copy_n(taps.of(x), count, padded.begin() + first % 4);
    for (std::size_t i = 0; i < padded.size(); i += 4) packed.quads.push_back(kernels.pack(&padded[i]));
    packed.windows.push_back({first_quad, end_quad - first_quad});
  }
  return packed;
}

}  // namespace gaze
