#include "models/blip/vision_tower.h"

#include "ops/elementwise.h"
#include "ops/patches.h"
#include "ops/scratch.h"

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
      patch_embedding_((scope / "embeddings" / "patch_embedding").tensor("weight"),
                       (scope / "embeddings" / "patch_embedding").f32("bias"), scope.precision()),
      class_embedding_((scope / "embeddings").f32("class_embedding").reshaped({1, config.encoder.hidden_size})),
      position_embedding_((scope / "embeddings")
                              .f32("position_embedding")
                              .reshaped({1 + config.patches(), config.encoder.hidden_size})),
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
  const std::int64_t batch = pixels.size(0), patches = config_.patches(), width = config_.encoder.hidden_size;
  Tensor hidden = Tensor::empty({batch, 1 + patches, width}, DType::f32);
  {
    Scratch::Frame frame;
    Tensor rows = frame.tensor({batch * patches, patch_embedding_.in_features()}, patch_embedding_.input_dtype());
    Tensor embedded = frame.tensor({batch * patches, width}, DType::f32);
    extract_patches(pixels, config_.patch_size, rows);
    patch_embedding_(rows, embedded);
    const Tensor tokens = hidden.reshaped({batch * (1 + patches), width});
    for (std::int64_t image = 0; image < batch; ++image) {
      const std::int64_t first = image * (1 + patches);
      Tensor class_token = tokens.rows(first, first + 1), rest = tokens.rows(first + 1, first + 1 + patches);
      convert(class_embedding_, class_token);
      convert(embedded.rows(image * patches, (image + 1) * patches), rest);
    }
  }
  add_broadcast(hidden, position_embedding_);
  encoder_.run(hidden, {.batch = batch, .length = 1 + patches}, layers);
  return hidden;
}

Tensor VisionTower::image_embeds(const Tensor& pixels) const {
  Tensor hidden = hidden_states(pixels, encoder_.size());
  post_layernorm_(hidden, hidden);
  return hidden;
}

}  // namespace gaze::blip
