// LLaVA-NeXT's eyes (LLaVA-1.6): LLaVA's tower and projector over the tiles of a picture, padding taken out, each row
// of patches ended by a learned vector. Reference: transformers' LlavaNextForConditionalGeneration.get_image_features.
#pragma once

#include <string>
#include <vector>

#include "models/llava/picture_encoder.h"
#include "models/llava_next/tiles.h"
#include "models/picture_encoder.h"

namespace gaze::llava_next {

// Immutable; safe to run from several threads at once.
class LlavaNextPictures final : public PictureEncoder {
 public:
  // `scope` holds vision_tower, multi_modal_projector and image_newline.
  LlavaNextPictures(const WeightScope& scope, const llava::Config& config, TileProcessor processor);

  static void add_rows(WeightTable& table, const llava::Config& config);

  TokenId picture_token() const override { return config_.image_token; }
  EncodedPicture encode(std::span<const std::byte> file, const std::string& name,
                        const DecodeOptions& options) const override;
  std::vector<Region> places(const EncodedPicture& picture, int width, int height) const override;

  const llava::LlavaPictures& tiles() const { return tiles_; }
  const TileProcessor& processor() const { return processor_; }

 private:
  // Patches along the side of a tile.
  int side() const { return config_.vision.image_size / config_.vision.patch_size; }

  llava::Config config_;
  TileProcessor processor_;
  llava::LlavaPictures tiles_;
  Tensor newline_;  // float32 [hidden_size of the language model]
};

// config.json, but for the grids. Errors: as llava::parse_config's; unsupported_model (a class token among the
// features, which tiles cannot have).
llava::Config parse_config(const ConfigReader& reader);

}  // namespace gaze::llava_next
