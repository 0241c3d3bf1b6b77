// Resizing as PIL does it: antialiased, separable, 8-bit fixed point (Pillow's Resample.c).
#pragma once

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

}  // namespace gaze
