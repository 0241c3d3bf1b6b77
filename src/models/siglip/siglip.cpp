#include "models/siglip/siglip.h"

#include <cmath>
#include <optional>

#include "models/batches.h"
#include "models/siglip/towers.h"

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

class Siglip final : public DualEncoder {
 public:
  Siglip(const Checkpoint& checkpoint, const Config& config, const LoadOptions& options)
      : precision_(resolve(options.precision)),
        image_processor_(open_image_processor(checkpoint.folder, config.vision.image_size)),
        tokenizer_(open_tokenizer(checkpoint.folder)) {
    const WeightScope scope(checkpoint.weights, options.precision);
    info_ = {.family = "siglip",
             .dimension = config.vision.encoder.hidden_size,
             .context_length = config.text.max_position_embeddings,
             .logit_scale = std::exp(scope.f32("logit_scale").data<float>()[0]),
             .logit_bias = scope.f32("logit_bias").data<float>()[0],
             .sigmoid = true,
             .parameters = count_parameters(*checkpoint.weights)};
    if (options.image_tower) vision_model_.emplace(scope / "vision_model", config.vision);
    if (options.text_tower) text_model_.emplace(scope / "text_model", config.text);
  }

  const DualEncoderInfo& info() const override { return info_; }
  Precision precision() const override { return precision_; }
  const ImageProcessor& image_processor() const override { return image_processor_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }

  Tensor encode_images(const Tensor& pixels) const override {
    GAZE_CHECK(vision_model_);
    return encode_image_groups(pixels, info_.dimension, info_.dimension,
                               [&](const Tensor& some, Tensor&, Tensor& embeds) { vision_model_->pool(some, embeds); });
  }

  Tensor encode_texts(std::span<const std::vector<TokenId>> texts) const override {
    GAZE_CHECK(text_model_);
    return encode_text_groups(texts, info_.dimension, info_.dimension,
                              [&](TextGroup some, Tensor&, Tensor& embeds) { text_model_->pool(some, embeds); });
  }

 private:
  DualEncoderInfo info_;
  Precision precision_;
  ImageProcessor image_processor_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::optional<VisionTower> vision_model_;
  std::optional<TextTower> text_model_;
};

}  // namespace

std::unique_ptr<const DualEncoder> load_siglip(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Config config = parse_config(checkpoint.config, checkpoint.config_name());
  weight_table(config).check(*checkpoint.weights, checkpoint.weights_name());
  return std::make_unique<const Siglip>(checkpoint, config, options);
}

}  // namespace gaze
