#include "models/clip/vision_tower.h"

#include <vector>

#include "ops/elementwise.h"
#include "ops/patches.h"
#include "ops/scratch.h"

namespace gaze::clip {

VisionTower::VisionTower(const WeightScope& scope, const VisionConfig& config)
    : config_(config),
      patch_embedding_((scope / "embeddings" / "patch_embedding").tensor("weight"), {}, scope.precision()),
      class_embedding_((scope / "embeddings").f32("class_embedding").reshaped({1, config.encoder.hidden_size})),
      position_embedding_((scope / "embeddings" / "position_embedding").f32("weight")),
      pre_layernorm_(scope / "pre_layrnorm", config.encoder.layer_norm_eps),  // spelt so in the checkpoints
      post_layernorm_(scope / "post_layernorm", config.encoder.layer_norm_eps),
      encoder_(scope / "encoder" / "layers", config.encoder, clip_layer_names()) {}

void VisionTower::add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.class_embedding", {width});
  table.add(scope + ".embeddings.patch_embedding.weight",
            {width, config.num_channels, config.patch_size, config.patch_size});
  table.add(scope + ".embeddings.position_embedding.weight", {1 + config.patches(), width});
  table.ignore(scope + ".embeddings.position_ids");
  table.add_norm(scope + ".pre_layrnorm", width);
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, clip_layer_names());
  table.add_norm(scope + ".post_layernorm", width);
}

// CLIPVisionEmbeddings, then pre_layrnorm.
void VisionTower::embed(const Tensor& pixels, Tensor& hidden) const {
  const std::int64_t batch = pixels.size(0), patches = config_.patches(), width = config_.encoder.hidden_size;
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
  add_broadcast(hidden, position_embedding_);
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
  post_layernorm_(pooled, pooled);
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
