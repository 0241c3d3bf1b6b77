#include "models/siglip/siglip.h"

#include "models/siglip/towers.h"
#include "models/two_towers.h"

namespace gaze {
namespace {

using siglip::TextTower;
using siglip::VisionTower;

struct Config {
  siglip::VisionConfig vision;
  siglip::TextConfig text;
};

Config parse_config(const Json& json, const std::string& origin) {
  const ConfigReader whole(json, origin);
  const Config config{siglip::parse_vision_config(whole.child("vision_config")),
                      siglip::parse_text_config(whole.child("text_config"))};
  if (config.text.projection_size != config.vision.encoder.hidden_size) {
    whole.child("text_config")
        .require_divides("projection_size", config.text.projection_size, "vision hidden_size",
                         config.vision.encoder.hidden_size);
  }
  return config;
}

WeightTable weight_table(const Config& config) {
  WeightTable table;
  VisionTower::add_rows(table, "vision_model", config.vision);
  TextTower::add_rows(table, "text_model", config.text);
  table.add("logit_scale", {1});
  table.add("logit_bias", {1});
  return table;
}

}  // namespace

std::unique_ptr<const DualEncoder> load_siglip(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Config config = parse_config(checkpoint.config, checkpoint.config_name());
  weight_table(config).check(*checkpoint.weights, checkpoint.weights_name());
  const WeightScope scope(checkpoint.weights, options.precision);
  TwoTowers towers = open_two_towers(checkpoint, scope,
                                     {.family = "siglip",
                                      .dimension = config.vision.encoder.hidden_size,
                                      .context_length = config.text.max_position_embeddings,
                                      .logit_bias = scope.f32("logit_bias").data<float>()[0],
                                      .sigmoid = true,
                                      .parameters = count_parameters(*checkpoint.weights)},
                                     config.vision.image_size, config.text.vocab_size);
  if (options.image_tower) {
    towers.image_tower = [tower = std::make_shared<const VisionTower>(scope / "vision_model", config.vision)](
                             const Tensor& pixels, Tensor& embeds) { tower->pool(pixels, embeds); };
  }
  if (options.text_tower) {
    towers.text_tower = [tower = std::make_shared<const TextTower>(scope / "text_model", config.text)](
                            TextGroup texts, Tensor& embeds) { tower->pool(texts, embeds); };
  }
  return make_dual_encoder(std::move(towers));
}

}  // namespace gaze
