// The built-in model's captions, in Chinese or English. Reference: Decoder in tools/train/model.py.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "generate/cross_decoder.h"
#include "models/captioner.h"
#include "models/checkpoint.h"
#include "models/gaze_mini/config.h"
#include "nn/layers.h"

namespace gaze {

// Errors: as load_captioner.
std::unique_ptr<const Captioner> load_gaze_mini_captioner(const Checkpoint& checkpoint, Precision precision);

namespace gaze_mini {

// Immutable; safe to share between threads.
class CaptionDecoder final : public CrossDecoderModel {
 public:
  CaptionDecoder(const WeightScope& scope, const DecoderConfig& config);

  // `scope` as in "decoder".
  static void add_rows(WeightTable& table, const std::string& scope, const Config& config);

  // What the layers look at: the map's positions, then the pooled vector. feature_map: float32 [pictures, positions,
  // map_channels], pooled: float32 [pictures, hidden_size]. Returns float32 [pictures, positions + 1, width].
  Tensor picture(const Tensor& feature_map, const Tensor& pooled) const;

  int vocabulary_size() const override { return config_.vocab_size; }
  int max_positions() const override { return config_.max_position_embeddings; }
  int hidden_size() const override { return config_.layers.hidden_size; }
  DType activation_dtype() const override { return activation_dtype_; }
  std::span<const CrossLayer> layers() const override { return layers_; }
  void embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first, Tensor& hidden) const override;
  void head(Tensor& hidden, Tensor& logits) const override;

 private:
  DecoderConfig config_;
  DType activation_dtype_;
  Linear map_projection_, pooled_projection_;
  Tensor picture_position_embedding_;  // float32 [positions + 1, width]
  LayerNorm picture_layer_norm_;
  Tensor token_embedding_, position_embedding_;
  std::vector<CrossLayer> layers_;
  LayerNorm final_layer_norm_;
  Linear logits_;  // the token embedding once more
};

}  // namespace gaze_mini
}  // namespace gaze
