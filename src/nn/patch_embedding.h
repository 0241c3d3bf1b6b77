// A picture as the tokens of a ViT (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929): its patches, each
// mapped to a vector, behind a class token where the model has one, with their positions added.
#pragma once

#include "nn/layers.h"

namespace gaze {

// Immutable; safe to run from several threads at once.
class PatchEmbedding {
 public:
  struct Weights {
    Tensor kernel;              // [hidden_size, channels, patch_size, patch_size], a convolution's
    Tensor bias;                // [hidden_size]; undefined: none
    Tensor class_embedding;     // float32, hidden_size numbers; undefined: no class token
    Tensor position_embedding;  // float32, hidden_size numbers a token
  };
  PatchEmbedding(const Weights& weights, Precision precision);

  std::int64_t tokens() const { return position_embedding_.size(0); }  // of a picture, the class token counted

  // pixels: float32 [batch, channels, height, width], as many patches as there are positions.
  // hidden: float32 [batch, tokens, hidden_size], the class token first.
  void operator()(const Tensor& pixels, Tensor& hidden) const;

 private:
  std::int64_t patch_size_;
  Linear projection_;
  Tensor class_embedding_;     // [1, hidden_size] or undefined
  Tensor position_embedding_;  // [tokens, hidden_size]
};

}  // namespace gaze
