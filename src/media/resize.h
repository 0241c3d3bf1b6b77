// Resizing as PIL does it: antialiased, separable, 8-bit fixed point (Pillow's Resample.c).
#pragma once

#include "media/image.h"

namespace gaze {

// PIL's numbers, as `resample` in preprocessor_config.json.
enum class Resample { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

// Equal to PIL.Image.resize((width, height), resample) bit for bit. width, height > 0.
Image resize(const Image& image, int width, int height, Resample resample);

}  // namespace gaze
