// Idefics3's eyes: a SigLIP tower over tiles, patches folded together ("pixel shuffle"), and one layer into the
// language model's space. Reference: transformers' Idefics3ForConditionalGeneration, Idefics3Processor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/lazy.h"
#include "models/idefics3/config.h"
#include "models/idefics3/tiles.h"
#include "models/picture_encoder.h"
#include "nn/patch_embedding.h"

namespace gaze::idefics3 {

// Immutable; safe to run from several threads at once.
class Idefics3Pictures final : public PictureEncoder {
 public:
  // `scope` holds vision_model and connector, which are packed for the first picture; `tokenizer` outlives this.
  Idefics3Pictures(const WeightScope& scope, const Config& config, const TileProcessor& processor,
                   const Tokenizer& tokenizer);

  static void add_rows(WeightTable& table, const Config& config);

  TokenId picture_token() const override { return config_.image_token; }
  EncodedPicture encode(std::span<const std::byte> file, const std::string& name,
                        const DecodeOptions& options) const override;
  std::vector<Region> places(const EncodedPicture& picture, int width, int height) const override;

  // pixels: float32 [tiles, 3, image_size, image_size]. Returns float32 [tiles, vectors, hidden_size].
  Tensor vectors(const Tensor& pixels) const;
  // What the tower's first `layers` make of it, before post_layernorm: float32 [tiles, patches, tower's hidden_size].
  Tensor hidden_states(const Tensor& pixels, int layers) const;
  // The words that stand for a picture in so many rows and columns (none: a single tile).
  std::string marks(int rows, int columns) const;

 private:
  struct Network {
    Network(const WeightScope& scope, const Config& config);

    PatchEmbedding embeddings;
    Encoder encoder;
    LayerNorm post_layernorm;
    Linear projection;
  };

  Config config_;
  TileProcessor processor_;
  const Tokenizer& tokenizer_;
  Lazy<Network> network_;
};

// A tensor's name without the differences between releases: "model." and "lm_head." are the language model's,
// "vision_model." and "connector." the picture's.
std::string canonical_name(std::string_view name);

}  // namespace gaze::idefics3
