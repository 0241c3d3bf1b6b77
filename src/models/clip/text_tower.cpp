#include "models/clip/text_tower.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::clip {

TextTower::TextTower(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      token_embedding_((scope / "embeddings" / "token_embedding").tensor("weight")),
      position_embedding_((scope / "embeddings" / "position_embedding").f32("weight")),
      encoder_(scope / "encoder" / "layers", config.encoder, clip_layer_names()),
      final_layer_norm_(scope / "final_layer_norm", config.encoder.layer_norm_eps) {}

void TextTower::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.token_embedding.weight", {config.vocab_size, width});
  table.add(scope + ".embeddings.position_embedding.weight", {config.max_position_embeddings, width});
  table.ignore(scope + ".embeddings.position_ids");
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, clip_layer_names());
  table.add_norm(scope + ".final_layer_norm", width);
}

std::int32_t TextTower::end_position(std::span<const TokenId> ids) const {
  const bool largest = config_.eos_token_id == 2;
  const auto end = largest ? std::ranges::max_element(ids) : std::ranges::find(ids, config_.eos_token_id);
  return end == ids.end() ? 0 : static_cast<std::int32_t>(end - ids.begin());  // argmax of no match is 0
}

void TextTower::pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const {
  const std::int64_t width = config_.encoder.hidden_size, batch = static_cast<std::int64_t>(texts.size());
  std::size_t longest = 0;
  for (const auto* ids : texts) longest = std::max(longest, ids->size());
  const auto length = static_cast<std::int64_t>(longest);

  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, width}, DType::f32);
  Tensor ends = frame.tensor({batch}, DType::i32), padded = frame.tensor({batch, length}, DType::i32);
  // Whatever follows a text's end is not seen by it, for the mask is causal: any id will do.
  std::ranges::fill(padded.values<std::int32_t>(), 0);
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::vector<TokenId>& ids = *texts[static_cast<std::size_t>(i)];
    GAZE_CHECK(!ids.empty() && ids.size() <= static_cast<std::size_t>(config_.max_position_embeddings));
    std::ranges::copy(ids, padded.data<std::int32_t>() + i * length);
    ends.data<std::int32_t>()[i] = end_position(ids);
  }
  gather_rows(token_embedding_, padded.values<std::int32_t>(), hidden);
  add_broadcast(hidden, position_embedding_.rows(0, length));
  encoder_.run_at(hidden, {.batch = batch, .length = length, .causal = true}, ends.values<std::int32_t>(), pooled);
  final_layer_norm_(pooled, pooled);
}

Tensor TextTower::hidden_states(std::span<const TokenId> ids, int layers) const {
  const auto length = static_cast<std::int64_t>(ids.size());
  Tensor hidden = Tensor::empty({1, length, config_.encoder.hidden_size}, DType::f32);
  gather_rows(token_embedding_, ids, hidden);
  add_broadcast(hidden, position_embedding_.rows(0, length));
  encoder_.run(hidden, {.batch = 1, .length = length, .causal = true}, layers);
  return hidden;
}

}  // namespace gaze::clip
