// From a picture to the pixels that a vision tower receives, as the checkpoint's preprocessor_config.json says.
// Reference: transformers 4.x's PIL-backed ("slow") image processors.
#pragma once

#include <array>
#include <filesystem>

#include "base/json.h"
#include "media/heat_map.h"
#include "media/image.h"
#include "media/resize.h"
#include "tensor/tensor.h"

namespace gaze {

struct ImageProcessor {
  bool do_resize = true;
  int shortest_edge = 0;                    // when > 0: the shorter side becomes this, aspect kept
  int resize_height = 0, resize_width = 0;  // else: stretched to exactly this
  Resample resample = Resample::bicubic;
  bool do_center_crop = false;
  int crop_height = 0, crop_width = 0;  // a smaller picture is padded with zeros
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> std{1, 1, 1};

  // Height and width of what the tower receives.
  int output_height() const { return do_center_crop ? crop_height : resize_height; }
  int output_width() const { return do_center_crop ? crop_width : resize_width; }

  // The part of a picture of this size that the tower receives; beyond the picture where it is padded.
  Region region(int width, int height) const;

  // Resizes, crops, rescales and normalises into `pixels`: float32, 3 × height × width, channels first. Equal to the
  // reference's float32 numbers. Thread-safe.
  void process(const Image& image, float* pixels) const;

  // The same from a file's bytes: a JPEG is resized row by row as it is decoded, which is faster and needs no memory
  // for the whole picture. Errors: decode_image's.
  void process(std::span<const std::byte> file, const std::string& name, const DecodeOptions& options,
               float* pixels) const;
};

// Reads preprocessor_config.json in its old (integer sizes) and new (dictionaries) forms; a missing key has the default
// of the reference's class that the file names. `origin` is for messages.
// Errors: unsupported_model (a setting we do not know), bad_weights (values that make no sense).
ImageProcessor parse_image_processor(const Json& config, const std::string& origin);

}  // namespace gaze
