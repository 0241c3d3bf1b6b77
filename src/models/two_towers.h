// What dual encoders have in common: how they are put together, and how they take many inputs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/checkpoint.h"
#include "models/dual_encoder.h"
#include "nn/layers.h"
#include "nn/weight_scope.h"
#include "ops/scratch.h"

namespace gaze {

// Some of the texts, all at most context_length ids long; lengths may differ.
using TextGroup = std::span<const std::vector<TokenId>* const>;

struct TwoTowers {
  DualEncoderInfo info;
  Precision precision;  // in force
  ImageProcessor image_processor;
  std::unique_ptr<const Tokenizer> tokenizer;
  // From inputs to embeds, float32 [inputs, dimension] of any length. Called from several threads at once. Empty where
  // LoadOptions leave the tower out.
  std::function<void(const Tensor& pixels, Tensor& embeds)> image_tower;
  std::function<void(TextGroup texts, Tensor& embeds)> text_tower;
};

// All but the towers. `scope` is the whole checkpoint, already checked; logit_scale is read from it into `info`.
// Errors: as open_image_processor and open_tokenizer.
TwoTowers open_two_towers(const Checkpoint& checkpoint, const WeightScope& scope, DualEncoderInfo info, int image_size,
                          int vocab_size);

// Runs the towers on groups of inputs that keep the activations near the processor; those of a group of texts are of
// similar length, so that little is computed for padding. Rows are brought to length 1.
std::unique_ptr<const DualEncoder> make_dual_encoder(TwoTowers towers);

// A tower whose pooled vectors go through a linear layer into the shared space (CLIP's visual_projection and
// text_projection).
template <class Tower, class Config>
auto projected_tower(const WeightScope& tower, const Config& config, const WeightScope& projection) {
  return [tower = std::make_shared<const Tower>(tower, config), width = std::int64_t{config.encoder.hidden_size},
          projection = std::make_shared<const Linear>(projection)](const auto& inputs, Tensor& embeds) {
    Scratch::Frame frame;
    Tensor pooled = frame.tensor({embeds.size(0), width}, DType::f32);
    tower->pool(inputs, pooled);
    (*projection)(pooled, embeds);
  };
}

}  // namespace gaze
