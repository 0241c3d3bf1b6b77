// The picture side of the built-in model: EfficientNet-Lite (batch norms folded into the convolutions).
// Reference: VisionModel in tools/train/model.py; Tan and Le 2019, https://arxiv.org/abs/1905.11946
#pragma once

#include <string>
#include <vector>

#include "models/gaze_mini/config.h"
#include "nn/inverted_residual.h"
#include "nn/weight_scope.h"
#include "nn/weight_table.h"
#include "ops/scratch.h"
#include "ops/stem_convolution.h"

namespace gaze::gaze_mini {

// Immutable; safe to run from several threads at once.
class PictureNetwork {
 public:
  PictureNetwork(const WeightScope& scope, const VisionConfig& config);

  // `scope` as in "vision_model".
  static void add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config);

  const VisionConfig& config() const { return config_; }

  // pixels: float32 [batch, 3, image_size, image_size]. pooled: float32 [batch, hidden_size].
  // feature_map: float32 [batch, map_side², map_channels], of the pictures as they are (never mirrored); or undefined.
  // One picture a thread.
  void run(const Tensor& pixels, Tensor& pooled, Tensor& feature_map) const;

  // What comes out of the stem and the first `blocks` blocks for one picture, channels last, for tests: float32
  // [side, side, channels].
  Tensor features(const Tensor& pixels, int blocks) const;

 private:
  void run_stem(const float* pixels, Tensor& x) const;
  Tensor run_blocks(const float* pixels, int blocks, Scratch::Frame& frame) const;
  void run_one(const float* pixels, float* pooled, float* feature_map) const;

  VisionConfig config_;
  StemConvolution stem_;
  std::vector<InvertedResidual> blocks_;
  Pointwise head_;
};

}  // namespace gaze::gaze_mini
