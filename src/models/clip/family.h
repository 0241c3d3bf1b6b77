// CLIP and what differs from it by the text tower alone, such as Chinese-CLIP.
#pragma once

#include <memory>
#include <string>

#include "models/clip/vision_tower.h"
#include "models/two_towers.h"

namespace gaze::clip {

// `config` has vision (VisionConfig), text (TextTower's) and projection_dim. Errors: as load_dual_encoder.
template <class TextTower, class Config>
std::unique_ptr<const DualEncoder> load_family(const std::string& name, const Checkpoint& checkpoint,
                                               const Config& config, const LoadOptions& options) {
  WeightTable table;
  VisionTower::add_rows(table, "vision_model", config.vision);
  TextTower::add_rows(table, "text_model", config.text);
  table.add_linear("visual_projection", config.vision.encoder.hidden_size, config.projection_dim, false);
  table.add_linear("text_projection", config.text.encoder.hidden_size, config.projection_dim, false);
  table.add("logit_scale", {});
  table.check(*checkpoint.weights, checkpoint.weights_name());

  const WeightScope scope(checkpoint.weights, options.precision);
  TwoTowers towers = open_two_towers(checkpoint, scope,
                                     {.family = name,
                                      .dimension = config.projection_dim,
                                      .context_length = config.text.max_position_embeddings,
                                      .parameters = count_parameters(*checkpoint.weights)},
                                     config.vision.image_size, config.text.vocab_size);
  if (options.image_tower) {
    towers.image_tower =
        projected_tower<VisionTower>(scope / "vision_model", config.vision, scope / "visual_projection");
  }
  if (options.text_tower) {
    towers.text_tower = projected_tower<TextTower>(scope / "text_model", config.text, scope / "text_projection");
  }
  return make_dual_encoder(std::move(towers));
}

}  // namespace gaze::clip
