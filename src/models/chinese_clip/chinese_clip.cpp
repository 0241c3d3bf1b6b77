#include "models/chinese_clip/chinese_clip.h"

#include <cmath>
#include <optional>

#include "models/batches.h"
#include "models/chinese_clip/text_tower.h"
#include "models/clip/vision_tower.h"

namespace gaze {
namespace {

using chinese_clip::TextTower;
using clip::VisionTower;

struct Config {
  clip::VisionConfig vision;
  chinese_clip::TextConfig text;
  int projection_dim = 512;
};

Config parse_config(const Json& json, const std::string& origin) {
  const ConfigReader whole(json, origin);
  return {.vision = clip::parse_vision_config(whole.child("vision_config")),
          .text = chinese_clip::parse_text_config(whole.child("text_config")),
          .projection_dim = whole.integer("projection_dim", 512)};
}

WeightTable weight_table(const Config& config) {
  WeightTable table;
  VisionTower::add_rows(table, "vision_model", config.vision);
  TextTower::add_rows(table, "text_model", config.text);
  table.add_linear("visual_projection", config.vision.encoder.hidden_size, config.projection_dim, false);
  table.add_linear("text_projection", config.text.encoder.hidden_size, config.projection_dim, false);
  table.add("logit_scale", {});
  return table;
}

class ChineseClip final : public DualEncoder {
 public:
  ChineseClip(const Checkpoint& checkpoint, const Config& config, const LoadOptions& options)
      : precision_(resolve(options.precision)),
        image_processor_(open_image_processor(checkpoint.folder, config.vision.image_size)),
        tokenizer_(open_tokenizer(checkpoint.folder)) {
    const WeightScope scope(checkpoint.weights, options.precision);
    info_ = {.family = "chinese_clip",
             .dimension = config.projection_dim,
             .context_length = config.text.max_position_embeddings,
             .logit_scale = std::exp(scope.f32("logit_scale").data<float>()[0]),
             .parameters = count_parameters(*checkpoint.weights)};
    if (options.image_tower) {
      vision_model_.emplace(scope / "vision_model", config.vision);
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
    return encode_image_groups(pixels, vision_model_->config().encoder.hidden_size, info_.dimension,
                               [&](const Tensor& some, Tensor& pooled, Tensor& embeds) {
                                 vision_model_->pool(some, pooled);
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
  std::optional<VisionTower> vision_model_;
  std::optional<Linear> visual_projection_;
  std::optional<TextTower> text_model_;
  std::optional<Linear> text_projection_;
};

}  // namespace

std::unique_ptr<const DualEncoder> load_chinese_clip(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Config config = parse_config(checkpoint.config, checkpoint.config_name());
  weight_table(config).check(*checkpoint.weights, checkpoint.weights_name());
  return std::make_unique<const ChineseClip>(checkpoint, config, options);
}

}  // namespace gaze
