#include "models/gaze_mini/text_tower.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::gaze_mini {

TextTower::TextTower(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      token_embedding_((scope / "embeddings" / "token_embedding").tensor("weight")),
      position_embedding_((scope / "embeddings" / "position_embedding").f32("weight")),
      encoder_(scope / "layers", config.encoder, clip_layer_names()),
      final_layer_norm_(scope / "final_layer_norm", config.encoder.layer_norm_eps) {}

void TextTower::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.token_embedding.weight", {config.vocab_size, width});
  table.add(scope + ".embeddings.position_embedding.weight", {config.max_position_embeddings, width});
  Encoder::add_rows(table, scope + ".layers", config.encoder, clip_layer_names());
  table.add_norm(scope + ".final_layer_norm", width);
}

void TextTower::pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const {
  const std::int64_t width = config_.encoder.hidden_size, batch = static_cast<std::int64_t>(texts.size());
  std::size_t longest = 0;
  for (const auto* ids : texts) longest = std::max(longest, ids->size());
  const auto length = static_cast<std::int64_t>(longest);

  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, width}, DType::f32);
  Tensor lengths = frame.tensor({batch}, DType::i32), padded = frame.tensor({batch, length}, DType::i32);
  std::ranges::fill(padded.values<std::int32_t>(), 0);  // padding is neither seen nor averaged: any id will do
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::vector<TokenId>& ids = *texts[static_cast<std::size_t>(i)];
    GAZE_CHECK(!ids.empty() && ids.size() <= static_cast<std::size_t>(config_.max_position_embeddings));
    std::ranges::copy(ids, padded.data<std::int32_t>() + i * length);
    lengths.data<std::int32_t>()[i] = static_cast<std::int32_t>(ids.size());
  }
  gather_rows(token_embedding_, padded.values<std::int32_t>(), hidden);
  add_broadcast(hidden, position_embedding_.rows(0, length));
  encoder_.run(hidden, {.batch = batch, .length = length, .lengths = lengths.values<std::int32_t>()}, encoder_.size());
  final_layer_norm_(hidden, hidden);
  for (std::int64_t i = 0; i < batch; ++i) {  // the mean over the text's own positions
    float* mean = pooled.data<float>() + i * width;
    const std::int64_t count = lengths.data<std::int32_t>()[i];
    std::fill_n(mean, width, 0.0f);
    for (std::int64_t p = 0; p < count; ++p) {
      const float* row = hidden.data<float>() + (i * length + p) * width;
      for (std::int64_t c = 0; c < width; ++c) mean[c] += row[c] / static_cast<float>(count);
    }
  }
}

}  // namespace gaze::gaze_mini
