#include "models/clip/vision_tower.h"

#include <vector>

#include "ops/scratch.h"

namespace gaze::clip {

VisionTower::VisionTower(const WeightScope& scope, const VisionConfig& config)
    : config_(config),
      embeddings_({.kernel = (scope / "embeddings" / "patch_embedding").tensor("weight"),
                   .bias = {},
                   .class_embedding = (scope / "embeddings").f32("class_embedding"),
                   .position_embedding = (scope / "embeddings" / "position_embedding").f32("weight")},
                  scope.precision()),
      pre_layernorm_(scope / "pre_layrnorm", config.encoder.layer_norm_eps),  // spelt so in the checkpoints
      encoder_(scope / "encoder" / "layers", config.encoder, clip_layer_names()) {
  const WeightScope post = scope / "post_layernorm";
  if (post.has("weight")) post_layernorm_.emplace(post, config.encoder.layer_norm_eps);
}

void VisionTower::add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config, bool pools) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.class_embedding", {width});
  table.add(scope + ".embeddings.patch_embedding.weight",
            {width, config.num_channels, config.patch_size, config.patch_size});
  table.add(scope + ".embeddings.position_embedding.weight", {1 + config.patches(), width});
  table.ignore(scope + ".embeddings.position_ids");
  table.add_norm(scope + ".pre_layrnorm", width);
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, clip_layer_names());
  for (const char* part : {".post_layernorm.weight", ".post_layernorm.bias"}) table.add(scope + part, {width}, !pools);
}

void VisionTower::embed(const Tensor& pixels, Tensor& hidden) const {
  embeddings_(pixels, hidden);
  pre_layernorm_(hidden, hidden);
}

void VisionTower::pool(const Tensor& pixels, Tensor& pooled) const {
  const std::int64_t batch = pixels.size(0), length = 1 + config_.patches();
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, config_.encoder.hidden_size}, DType::f32);
  Tensor class_positions = frame.tensor({batch}, DType::i32);
  for (std::int32_t& position : class_positions.values<std::int32_t>()) position = 0;

  embed(pixels, hidden);
  encoder_.run_at(hidden, {.batch = batch, .length = length}, class_positions.values<std::int32_t>(), pooled);
  (*post_layernorm_)(pooled, pooled);
}

Tensor VisionTower::hidden_states(const Tensor& pixels, int layers) const {
  GAZE_CHECK(0 <= layers && layers <= encoder_.size());
  const std::int64_t batch = pixels.size(0), length = 1 + config_.patches();
  Tensor hidden = Tensor::empty({batch, length, config_.encoder.hidden_size}, DType::f32);
  embed(pixels, hidden);
  encoder_.run(hidden, {.batch = batch, .length = length}, layers);
  return hidden;
}

}  // namespace gaze::clip
