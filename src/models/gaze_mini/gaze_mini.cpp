#include "models/gaze_mini/gaze_mini.h"

#include "models/gaze_mini/captioner.h"
#include "models/gaze_mini/picture_network.h"
#include "models/gaze_mini/text_tower.h"
#include "models/two_towers.h"
#include "weights/dequantized_source.h"

namespace gaze {
namespace {

using gaze_mini::Config;
using gaze_mini::PictureNetwork;
using gaze_mini::TextTower;

// The picture side: network, norm, projection.
struct PictureTower {
  PictureTower(const WeightScope& scope, const Config& config)
      : network(scope / "vision_model", config.vision),
        norm(scope / "visual_norm", config.layer_norm_eps),
        projection(scope / "visual_projection") {}

  void run(const Tensor& pixels, Tensor& embeds) const {
    Scratch::Frame frame;
    Tensor pooled = frame.tensor({pixels.size(0), network.config().hidden_size}, DType::f32), no_map;
    network.run(pixels, pooled, no_map);
    norm(pooled, pooled);
    projection(pooled, embeds);
  }

  PictureNetwork network;
  LayerNorm norm;
  Linear projection;
};

}  // namespace

namespace gaze_mini {

std::shared_ptr<const WeightSource> checked_weights(const Checkpoint& checkpoint, const Config& config) {
  WeightTable table;
  PictureNetwork::add_rows(table, "vision_model", config.vision);
  TextTower::add_rows(table, "text_model", config.text);
  table.add_norm("visual_norm", config.vision.hidden_size);
  table.add_linear("visual_projection", config.vision.hidden_size, config.projection_dim, false);
  table.add_linear("text_projection", config.text.encoder.hidden_size, config.projection_dim, false);
  table.add("logit_scale", {});
  CaptionDecoder::add_rows(table, "decoder", config);
  auto weights = dequantized(checkpoint.weights);
  table.check(*weights, checkpoint.weights_name());
  return weights;
}

}  // namespace gaze_mini

std::unique_ptr<const DualEncoder> load_gaze_mini(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Config config = gaze_mini::parse_config(checkpoint.config, checkpoint.config_name());
  const auto weights = gaze_mini::checked_weights(checkpoint, config);
  const WeightScope scope(weights, options.precision);
  TwoTowers towers = open_two_towers(checkpoint, scope,
                                     {.family = "gaze_mini",
                                      .dimension = config.projection_dim,
                                      .context_length = config.text.max_position_embeddings,
                                      .parameters = count_parameters(*weights)},
                                     config.vision.image_size, config.text.vocab_size);
  if (options.image_tower) {
    towers.image_tower = [tower = std::make_shared<const PictureTower>(scope, config)](
                             const Tensor& pixels, Tensor& embeds) { tower->run(pixels, embeds); };
  }
  if (options.text_tower) {
    towers.text_tower = projected_tower<TextTower>(scope / "text_model", config.text, scope / "text_projection");
  }
  return make_dual_encoder(std::move(towers));
}

}  // namespace gaze
