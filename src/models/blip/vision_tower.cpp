#include "models/blip/vision_tower.h"

namespace gaze::blip {
namespace {

const EncoderLayerNames& layer_names() {
  static const EncoderLayerNames names{.query = "self_attn.qkv",
                                       .attention_output = "self_attn.projection",
                                       .attention_norm = "layer_norm1",
                                       .mlp_in = "mlp.fc1",
                                       .mlp_out = "mlp.fc2",
                                       .mlp_norm = "layer_norm2"};
  return names;
}

}  // namespace

VisionTower::VisionTower(const WeightScope& scope, const VisionConfig& config)
    : config_(config),
      embeddings_({.kernel = (scope / "embeddings" / "patch_embedding").tensor("weight"),
                   .bias = (scope / "embeddings" / "patch_embedding").f32("bias"),
                   .class_embedding = (scope / "embeddings").f32("class_embedding"),
                   .position_embedding = (scope / "embeddings").f32("position_embedding")},
                  scope.precision()),
      encoder_(scope / "encoder" / "layers", config.encoder, layer_names()),
      post_layernorm_(scope / "post_layernorm", config.encoder.layer_norm_eps) {}

void VisionTower::add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.class_embedding", {1, 1, width});
  table.add(scope + ".embeddings.patch_embedding.weight", {width, 3, config.patch_size, config.patch_size});
  table.add(scope + ".embeddings.patch_embedding.bias", {width});
  table.add(scope + ".embeddings.position_embedding", {1, 1 + config.patches(), width});
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, layer_names());
  table.add_norm(scope + ".post_layernorm", width);
}

Tensor VisionTower::hidden_states(const Tensor& pixels, int layers) const {
  const std::int64_t batch = pixels.size(0), length = embeddings_.tokens();
  Tensor hidden = Tensor::empty({batch, length, config_.encoder.hidden_size}, DType::f32);
  embeddings_(pixels, hidden);
  encoder_.run(hidden, {.batch = batch, .length = length}, layers);
  return hidden;
}

Tensor VisionTower::image_embeds(const Tensor& pixels) const {
  Tensor hidden = hidden_states(pixels, encoder_.size());
  post_layernorm_(hidden, hidden);
  return hidden;
}

}  // namespace gaze::blip
