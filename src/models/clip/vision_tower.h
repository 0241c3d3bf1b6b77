// CLIP's picture tower, a ViT (Radford et al. 2021). Reference: transformers' CLIPVisionTransformer.
#pragma once

#include <optional>
#include <string>

#include "models/clip/config.h"
#include "nn/layers.h"
#include "nn/patch_embedding.h"
#include "nn/weight_table.h"

namespace gaze::clip {

// Immutable; safe to run from several threads at once.
class VisionTower {
 public:
  VisionTower(const WeightScope& scope, const VisionConfig& config);

  // `scope` as in "vision_model". Without pool() there need be no post_layernorm.
  static void add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config, bool pools = true);

  const VisionConfig& config() const { return config_; }

  // The class token after the last layer and post_layernorm: `pooler_output`. pixels: float32 [batch, channels,
  // image_size, image_size]; pooled: float32 [batch, hidden_size].
  void pool(const Tensor& pixels, Tensor& pooled) const;

  // hidden_states[layers] of the reference: all tokens, the class token first, before post_layernorm.
  // Returns float32 [batch, 1 + patches, hidden_size].
  Tensor hidden_states(const Tensor& pixels, int layers) const;

 private:
  void embed(const Tensor& pixels, Tensor& hidden) const;

  VisionConfig config_;
  PatchEmbedding embeddings_;
  LayerNorm pre_layernorm_;
  std::optional<LayerNorm> post_layernorm_;
  Encoder encoder_;
};

}  // namespace gaze::clip
