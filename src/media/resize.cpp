#include "media/resize.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "media/resample_taps.h"
#include "media/resize_kernels.h"

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

// One side's taps: PIL leaves a side alone that keeps its length, and Resample::nearest looks up its own positions;
// both are single taps of weight one.
ResampleTaps side_taps(int from, int to, int begin, int count, bool nearest, Resample resample) {
  if (from != to && !nearest) return resample_taps(from, to, begin, count, resample);
  ResampleTaps taps;
  taps.stride = 1;
  for (const int position : nearest_positions(from, to, begin, count)) {
    taps.windows.push_back({std::max(position, 0), 1});
    taps.weights.push_back(position < 0 ? 0 : 1 << kTapBits);
  }
  return taps;
}

struct Range {
  int begin = 0, end = 0;
};

Range covered(const ResampleTaps& taps) {
  Range range{taps.windows.front().first, 0};
  for (const auto [first, count] : taps.windows) {
    range.begin = std::min(range.begin, first);
    range.end = std::max(range.end, first + count);
  }
  return range;
}

// Both passes; rows come in order, in blocks of up to 16.
class Resizer {
 public:
  Resizer(int width, int height, const ResizePlan& plan)
      : kernels_(resize_kernels()),
        width_(width),
        across_(side_taps(width, plan.width, plan.left, plan.part_width, plan.resample == Resample::nearest,
                          plan.resample)),
        down_(side_taps(height, plan.height, plan.top, plan.part_height, plan.resample == Resample::nearest,
                        plan.resample)),
        rows_(covered(down_)),
        plain_copy_(plan.width == width) {
    GAZE_CHECK(width > 0 && height > 0);
    GAZE_CHECK(plan.left >= 0 && plan.part_width > 0 && plan.left + plan.part_width <= plan.width);
    GAZE_CHECK(plan.top >= 0 && plan.part_height > 0 && plan.top + plan.part_height <= plan.height);
    narrow_ = blank(plan.part_width, rows_.end - rows_.begin);
    if (plain_copy_) return;
    packed_ = pack_taps(across_, kernels_);
    const Range columns = covered(across_);
    quads_range_ = {columns.begin / 4, (columns.end + 3) / 4};
    quads_.resize(static_cast<std::size_t>(quads_range_.end) * kQuadBytes);
    columns_.resize(static_cast<std::size_t>(plan.part_width) * 3 * kBlockRows);
  }

  // The rows that count; others need not be given.
  Range rows() const { return rows_; }

  // Rows [y, y + count) of the picture, count ≤ 16; any outside rows() are passed over.
  void take(const std::uint8_t* const* rows, int y, int count) {
    const std::uint8_t* wanted[kBlockRows];
    std::uint8_t* targets[kBlockRows];
    int taken = 0;
    for (int i = 0; i < count; ++i) {
      if (y + i < rows_.begin || y + i >= rows_.end) continue;
      wanted[taken] = rows[i];
      targets[taken++] = narrow_.row(y + i - rows_.begin);
    }
    if (taken == 0) return;
    if (plain_copy_) {
      for (int i = 0; i < taken; ++i) {
        std::copy_n(wanted[i] + 3 * across_.windows.front().first, 3 * narrow_.width, targets[i]);
      }
      return;
    }
    std::fill(wanted + taken, wanted + kBlockRows, wanted[0]);
    kernels_.gather(wanted, width_, quads_range_.begin, quads_range_.end, quads_.data());
    kernels_.horizontal(quads_.data(), packed_, columns_.data());
    const std::uint8_t* column = columns_.data();
    for (int x = 0; x < 3 * narrow_.width; ++x, column += kBlockRows) {
      for (int i = 0; i < taken; ++i) targets[i][x] = column[i];
    }
  }

  Image finish() {
    Image out = blank(narrow_.width, static_cast<int>(down_.windows.size()));
    std::vector<const std::uint8_t*> rows;
    for (int y = 0; y < out.height; ++y) {
      const auto [first, count] = down_.windows[y];
      rows.clear();
      for (int i = 0; i < count; ++i) rows.push_back(narrow_.row(first + i - rows_.begin));
      kernels_.vertical(rows.data(), down_.of(y), count, static_cast<std::size_t>(out.width) * 3, out.row(y));
    }
    return out;
  }

 private:
  const ResizeKernels& kernels_;
  int width_;
  ResampleTaps across_, down_;
  Range rows_;
  bool plain_copy_;
  PackedTaps packed_;
  Range quads_range_;
  Image narrow_;  // resized across, rows_ of it
  std::vector<std::uint8_t> quads_, columns_;
};

}  // namespace

Image resize(const Image& image, const ResizePlan& plan) {
  Resizer resizer(image.width, image.height, plan);
  const auto [begin, end] = resizer.rows();
  for (int y = begin; y < end; y += kBlockRows) {
    const std::uint8_t* rows[kBlockRows];
    const int count = std::min(kBlockRows, end - y);
    for (int i = 0; i < count; ++i) rows[i] = image.row(y + i);
    resizer.take(rows, y, count);
  }
  return resizer.finish();
}

Image resize(const Image& image, int width, int height, Resample resample) {
  return resize(image, {width, height, 0, 0, width, height, resample});
}

class RowResizer::State {
 public:
  State(int width, int height, const ResizePlan& plan) : height_(height), resizer_(width, height, plan) {
    buffer_.resize(static_cast<std::size_t>(width) * 3 * kBlockRows);
    for (int i = 0; i < kBlockRows; ++i) rows_[i] = buffer_.data() + static_cast<std::size_t>(width) * 3 * i;
  }

  std::uint8_t* row() { return rows_[filled_]; }

  void take_row() {
    ++filled_;
    if (filled_ < kBlockRows && block_ + filled_ < height_) return;
    resizer_.take(rows_, block_, filled_);
    block_ += filled_;
    filled_ = 0;
  }

  Image finish() {
    GAZE_CHECK(block_ == height_);
    return resizer_.finish();
  }

 private:
  int height_;
  Resizer resizer_;
  std::vector<std::uint8_t> buffer_;
  std::uint8_t* rows_[kBlockRows];
  int block_ = 0;   // rows that went to the resizer
  int filled_ = 0;  // rows that wait in the buffer
};

RowResizer::RowResizer(int width, int height, const ResizePlan& plan)
    : state_(std::make_unique<State>(width, height, plan)) {}
RowResizer::~RowResizer() = default;
std::uint8_t* RowResizer::row() {
  return state_->row();
}
void RowResizer::take_row() {
  state_->take_row();
}
Image RowResizer::finish() {
  return state_->finish();
}

}  // namespace gaze
