// Resizing as PIL does it: antialiased, separable, 8-bit fixed point (Pillow's Resample.c).
#pragma once

#include <memory>

#include "media/image.h"

namespace gaze {

// PIL's numbers, as `resample` in preprocessor_config.json.
enum class Resample { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

// The part of a resized picture that is wanted: a crop costs no more than its own pixels.
struct ResizePlan {
  int width = 0, height = 0;  // of the whole resized picture, > 0
  int left = 0, top = 0;      // of the part
  int part_width = 0, part_height = 0;
  Resample resample = Resample::bicubic;
};

// Equal to PIL.Image.resize((width, height), resample) bit for bit. width, height > 0.
Image resize(const Image& image, int width, int height, Resample resample);

// Equal to the same, cropped to the part.
Image resize(const Image& image, const ResizePlan& plan);

// Equal to resize(upright(stored, orientation), plan), bit for bit, without turning the large picture: the plan is in
// upright terms. `orientation` as in media/orientation.h.
Image resize_turned(const Image& stored, int orientation, const ResizePlan& plan);

// resize() for a picture whose rows come one after the other and are never together in memory. One thread at a time.
class RowResizer {
 public:
  // `width` and `height` of the picture that comes.
  RowResizer(int width, int height, const ResizePlan& plan);
  ~RowResizer();
  RowResizer(const RowResizer&) = delete;
  RowResizer& operator=(const RowResizer&) = delete;

  // Where the next row goes (width × 3 bytes), until take_row() takes it. `height` times in all.
  std::uint8_t* row();
  void take_row();

  // The resized part. Once, after the last row.
  Image finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace gaze
