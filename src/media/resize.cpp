#include "media/resize.h"

#include <algorithm>

#include "base/check.h"
#include "media/orientation.h"
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

// The taps for a side that is stored backwards.
ResampleTaps mirrored(ResampleTaps taps, int from) {
  for (std::size_t i = 0; i < taps.windows.size(); ++i) {
    auto& [first, count] = taps.windows[i];
    first = from - first - count;
    const auto weights = taps.weights.begin() + static_cast<std::ptrdiff_t>(i * taps.stride);
    std::reverse(weights, weights + count);
  }
  return taps;
}

// The taps of both sides of the part.
struct Sides {
  ResampleTaps across, down;
};

Sides sides_of(int width, int height, const ResizePlan& plan) {
  GAZE_CHECK(width > 0 && height > 0);
  GAZE_CHECK(plan.left >= 0 && plan.part_width > 0 && plan.left + plan.part_width <= plan.width);
  GAZE_CHECK(plan.top >= 0 && plan.part_height > 0 && plan.top + plan.part_height <= plan.height);
  const bool nearest = plan.resample == Resample::nearest;
  return {side_taps(width, plan.width, plan.left, plan.part_width, nearest, plan.resample),
          side_taps(height, plan.height, plan.top, plan.part_height, nearest, plan.resample)};
}

// The horizontal pass, sixteen rows at a time.
class AcrossPass {
 public:
  AcrossPass(int width, const ResampleTaps& taps)
      : kernels_(resize_kernels()), width_(width), packed_(pack_taps(taps, kernels_)) {
    const Range columns = covered(taps);
    quads_range_ = {columns.begin / 4, (columns.end + 3) / 4};
    quads_.resize(static_cast<std::size_t>(quads_range_.end) * kQuadBytes);
    columns_.resize(taps.windows.size() * 3 * kBlockRows);
  }

  // `count` rows, 1 to 16, each into its target. All of `rows` must point to a row.
  void run(const std::uint8_t* const rows[kBlockRows], int count, std::uint8_t* const* targets) {
    kernels_.gather(rows, width_, quads_range_.begin, quads_range_.end, quads_.data());
    kernels_.horizontal(quads_.data(), packed_, columns_.data());
    const std::uint8_t* column = columns_.data();
    for (std::size_t x = 0; x < columns_.size() / kBlockRows; ++x, column += kBlockRows) {
      for (int i = 0; i < count; ++i) targets[i][x] = column[i];
    }
  }

 private:
  const ResizeKernels& kernels_;
  int width_;
  PackedTaps packed_;
  Range quads_range_;
  std::vector<std::uint8_t> quads_, columns_;
};

// The vertical pass over rows [first_row, …) of a picture.
Image down_pass(const Image& rows, int first_row, const ResampleTaps& taps) {
  Image out = blank(rows.width, static_cast<int>(taps.windows.size()));
  std::vector<const std::uint8_t*> window;
  for (int y = 0; y < out.height; ++y) {
    const auto [first, count] = taps.windows[y];
    window.clear();
    for (int i = 0; i < count; ++i) window.push_back(rows.row(first + i - first_row));
    resize_kernels().vertical(window.data(), taps.of(y), count, static_cast<std::size_t>(out.width) * 3, out.row(y));
  }
  return out;
}

// Both passes; rows come in order, in blocks of up to 16.
class Resizer {
 public:
  Resizer(int width, Sides sides)
      : rows_(covered(sides.down)),
        down_(std::move(sides.down)),
        across_(width, sides.across),
        narrow_(blank(static_cast<int>(sides.across.windows.size()), rows_.end - rows_.begin)) {}

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
    std::fill(wanted + taken, wanted + kBlockRows, wanted[0]);
    across_.run(wanted, taken, targets);
  }

  void take(const Image& image) {
    for (int y = rows_.begin; y < rows_.end; y += kBlockRows) {
      const std::uint8_t* rows[kBlockRows];
      const int count = std::min(kBlockRows, rows_.end - y);
      for (int i = 0; i < count; ++i) rows[i] = image.row(y + i);
      take(rows, y, count);
    }
  }

  Image finish() const { return down_pass(narrow_, rows_.begin, down_); }

 private:
  Range rows_;
  ResampleTaps down_;
  AcrossPass across_;
  Image narrow_;  // resized across, rows_ of it
};

}  // namespace

Image resize(const Image& image, const ResizePlan& plan) {
  Resizer resizer(image.width, sides_of(image.width, image.height, plan));
  resizer.take(image);
  return resizer.finish();
}

Image resize(const Image& image, int width, int height, Resample resample) {
  return resize(image, {width, height, 0, 0, width, height, resample});
}

Image resize_turned(const Image& stored, int orientation, const ResizePlan& plan) {
  const bool transposed = orientation >= 5;
  const bool backwards_across = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool backwards_down = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const int width = transposed ? stored.height : stored.width, height = transposed ? stored.width : stored.height;
  Sides sides = sides_of(width, height, plan);
  if (backwards_across) sides.across = mirrored(std::move(sides.across), width);
  if (backwards_down) sides.down = mirrored(std::move(sides.down), height);
  if (!transposed) {
    Resizer resizer(width, std::move(sides));
    resizer.take(stored);
    return resizer.finish();
  }
  // The upright picture's rows are columns here: its horizontal pass, which comes first, goes down the stored rows, and
  // its vertical pass across them. What comes out lies on its side, and is small.
  const Image flat = down_pass(stored, 0, sides.across);
  Image lying = blank(static_cast<int>(sides.down.windows.size()), flat.height);
  AcrossPass across(flat.width, sides.down);
  for (int y = 0; y < flat.height; y += kBlockRows) {
    const std::uint8_t* rows[kBlockRows];
    std::uint8_t* targets[kBlockRows];
    const int count = std::min(kBlockRows, flat.height - y);
    for (int i = 0; i < kBlockRows; ++i) rows[i] = flat.row(y + std::min(i, count - 1));
    for (int i = 0; i < count; ++i) targets[i] = lying.row(y + i);
    across.run(rows, count, targets);
  }
  constexpr int kTransposed = 5;
  return upright(std::move(lying), kTransposed);
}

class RowResizer::State {
 public:
  State(int width, int height, const ResizePlan& plan)
      : height_(height), resizer_(width, sides_of(width, height, plan)) {
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
