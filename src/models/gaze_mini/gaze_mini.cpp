#include "models/gaze_mini/gaze_mini.h"

#include <cmath>
#include <optional>

#include "models/batches.h"
#include "models/gaze_mini/captioner.h"
#include "models/gaze_mini/picture_network.h"
#include "models/gaze_mini/text_tower.h"
#include "weights/dequantized_source.h"

namespace gaze {
namespace {

using gaze_mini::Config;
using gaze_mini::PictureNetwork;
using gaze_mini::TextTower;

class GazeMini final : public DualEncoder {
 public:
  GazeMini(const Checkpoint& checkpoint, const Config& config, std::shared_ptr<const WeightSource> weights,
           const LoadOptions& options)
      : precision_(resolve(options.precision)),
        image_processor_(open_image_processor(checkpoint.folder, config.vision.image_size)),
        tokenizer_(open_tokenizer(checkpoint.folder)) {
    const WeightScope scope(weights, options.precision);
    info_ = {.family = "gaze_mini",
             .dimension = config.projection_dim,
             .context_length = config.text.max_position_embeddings,
             .logit_scale = std::exp(scope.f32("logit_scale").data<float>()[0]),
             .parameters = count_parameters(*weights)};
    if (options.image_tower) {
      vision_model_.emplace(scope / "vision_model", config.vision);
      visual_norm_.emplace(scope / "visual_norm", config.layer_norm_eps);
      visual_projection_.emplace(scope / "visual_projection");
    }
    if (options.text_tower) {
      text_model_.emplace(scope / "text_model", config.text);
      text_projection_.emplace(scope / "text_projection");
    }
  }

  const DualEncoderInfo& info() const override { return info_; }
  Precision precision() const override { return precision_; }
  const ImageProcessor& image_processor() const override { return image_processor_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }

  Tensor encode_images(const Tensor& pixels) const override {
    GAZE_CHECK(vision_model_);
    return encode_image_groups(pixels, vision_model_->config().hidden_size, info_.dimension,
                               [&](const Tensor& some, Tensor& pooled, Tensor& embeds) {
                                 Tensor no_map;
                                 vision_model_->run(some, pooled, no_map);
                                 (*visual_norm_)(pooled, pooled);
                                 (*visual_projection_)(pooled, embeds);
                               });
  }

  Tensor encode_texts(std::span<const std::vector<TokenId>> texts) const override {
    GAZE_CHECK(text_model_);
    return encode_text_groups(texts, text_model_->config().encoder.hidden_size, info_.dimension,
                              [&](TextGroup some, Tensor& pooled, Tensor& embeds) {
                                text_model_->pool(some, pooled);
                                (*text_projection_)(pooled, embeds);
                              });
  }

 private:
  DualEncoderInfo info_;
  Precision precision_;
  ImageProcessor image_processor_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::optional<PictureNetwork> vision_model_;
  std::optional<LayerNorm> visual_norm_;
  std::optional<Linear> visual_projection_;
  std::optional<TextTower> text_model_;
  std::optional<Linear> text_projection_;
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
  return std::make_unique<const GazeMini>(checkpoint, config, gaze_mini::checked_weights(checkpoint, config), options);
}

}  // namespace gaze
