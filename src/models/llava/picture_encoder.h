// LLaVA's eyes: CLIP's picture tower and a projector of two layers. Reference: transformers'
// LlavaForConditionalGeneration.get_image_features.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/lazy.h"
#include "media/image_processor.h"
#include "models/clip/vision_tower.h"
#include "models/llava/config.h"
#include "models/picture_encoder.h"

namespace gaze::llava {

// Immutable; safe to run from several threads at once.
class LlavaPictures final : public PictureEncoder {
 public:
  // `scope` holds vision_tower and multi_modal_projector; they are packed for the first picture.
  LlavaPictures(const WeightScope& scope, const Config& config, const ImageProcessor& processor);

  static void add_rows(WeightTable& table, const Config& config);

  TokenId picture_token() const override { return config_.image_token; }
  EncodedPicture encode(std::span<const std::byte> file, const std::string& name,
                        const DecodeOptions& options) const override;
  std::vector<Region> places(const EncodedPicture& picture, int width, int height) const override;

  // pixels: float32 [batch, 3, image_size, image_size]. Returns float32 [batch, vectors, hidden_size].
  Tensor vectors(const Tensor& pixels) const;
  const clip::VisionTower& tower() const { return network_->tower; }
  const ImageProcessor& image_processor() const { return processor_; }

 private:
  struct Network {
    Network(const WeightScope& scope, const Config& config);

    clip::VisionTower tower;
    Linear linear_1, linear_2;
  };
  Region region(int width, int height) const;

  Config config_;
  ImageProcessor processor_;
  Lazy<Network> network_;
};

// A tensor's name in this order of words, whichever release of transformers wrote it: "model." and "lm_head." are the
// language model's, "vision_tower.", "multi_modal_projector." and LLaVA-NeXT's "image_newline" the picture's.
std::string canonical_name(std::string_view name);

}  // namespace gaze::llava
