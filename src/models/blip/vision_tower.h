// BLIP's picture tower, a ViT with one weight for query, key and value. Reference: transformers' BlipVisionModel.
#pragma once

#include <string>

#include "models/blip/config.h"
#include "nn/layers.h"
#include "nn/patch_embedding.h"
#include "nn/weight_table.h"

namespace gaze::blip {

// Immutable; safe to run from several threads at once.
class VisionTower {
 public:
  VisionTower(const WeightScope& scope, const VisionConfig& config);

  // `scope` as in "vision_model".
  static void add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config);

  const VisionConfig& config() const { return config_; }

  // last_hidden_state: all tokens after post_layernorm, the class token first. pixels: float32 [batch, 3, image_size,
  // image_size]. Returns float32 [batch, 1 + patches, hidden_size].
  Tensor image_embeds(const Tensor& pixels) const;

  // hidden_states[layers] of the reference, before post_layernorm.
  Tensor hidden_states(const Tensor& pixels, int layers) const;

 private:
  VisionConfig config_;
  PatchEmbedding embeddings_;
  Encoder encoder_;
  LayerNorm post_layernorm_;
};

}  // namespace gaze::blip
