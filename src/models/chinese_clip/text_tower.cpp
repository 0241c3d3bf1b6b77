#include "models/chinese_clip/text_tower.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::chinese_clip {

TextConfig parse_text_config(const ConfigReader& reader) {
  TextConfig config;
  config.encoder = {.hidden_size = reader.integer("hidden_size", 768),
                    .num_hidden_layers = reader.integer("num_hidden_layers", 12, 1000),
                    .num_attention_heads = reader.integer("num_attention_heads", 12),
                    .intermediate_size = reader.integer("intermediate_size", 3072),
                    .hidden_act = reader.activation("hidden_act", "gelu"),
                    .layer_norm_eps = reader.number("layer_norm_eps", 1e-12f),
                    .norm = NormPlacement::after};
  reader.require_divides("num_attention_heads", config.encoder.num_attention_heads, "hidden_size",
                         config.encoder.hidden_size);
  config.vocab_size = reader.integer("vocab_size", 30522, 1 << 24);
  config.max_position_embeddings = reader.integer("max_position_embeddings", 512);
  config.type_vocab_size = reader.integer("type_vocab_size", 2);
  return config;
}

TextTower::TextTower(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      word_embeddings_((scope / "embeddings" / "word_embeddings").tensor("weight")),
      position_embeddings_((scope / "embeddings" / "position_embeddings").f32("weight")),
      embedding_norm_(scope / "embeddings" / "LayerNorm", config.encoder.layer_norm_eps),
      encoder_(scope / "encoder" / "layer", config.encoder, bert_layer_names()) {
  // Every token of a text is of type 0.
  const Tensor types = (scope / "embeddings" / "token_type_embeddings").f32("weight");
  add_broadcast(position_embeddings_, types.rows(0, 1));
}

void TextTower::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.word_embeddings.weight", {config.vocab_size, width});
  table.add(scope + ".embeddings.position_embeddings.weight", {config.max_position_embeddings, width});
  table.add(scope + ".embeddings.token_type_embeddings.weight", {config.type_vocab_size, width});
  table.ignore(scope + ".embeddings.position_ids");
  table.ignore(scope + ".embeddings.token_type_ids");
  table.add_norm(scope + ".embeddings.LayerNorm", width);
  Encoder::add_rows(table, scope + ".encoder.layer", config.encoder, bert_layer_names());
  // Some checkpoints carry BERT's pooler, which nothing reads.
  table.ignore(scope + ".pooler.dense.weight");
  table.ignore(scope + ".pooler.dense.bias");
}

// ids: [batch, length], hidden: float32 [batch, length, hidden_size].
void TextTower::embed(std::span<const TokenId> ids, Tensor& hidden) const {
  gather_rows(word_embeddings_, ids, hidden);
  add_broadcast(hidden, position_embeddings_.rows(0, hidden.size(1)));
  embedding_norm_(hidden, hidden);
}

void TextTower::pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const {
  const auto batch = static_cast<std::int64_t>(texts.size());
  std::size_t longest = 0;
  for (const auto* ids : texts) longest = std::max(longest, ids->size());
  const auto length = static_cast<std::int64_t>(longest);

  std::vector<TokenId> padded(texts.size() * longest, 0);
  std::vector<std::int32_t> lengths, first(texts.size(), 0);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    GAZE_CHECK(!texts[i]->empty() && texts[i]->size() <= static_cast<std::size_t>(config_.max_position_embeddings));
    std::ranges::copy(*texts[i], padded.begin() + static_cast<std::ptrdiff_t>(i * longest));
    lengths.push_back(static_cast<std::int32_t>(texts[i]->size()));
  }
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, config_.encoder.hidden_size}, DType::f32);
  embed(padded, hidden);
  encoder_.run_at(hidden, {.batch = batch, .length = length, .lengths = lengths}, first, pooled);
}

Tensor TextTower::hidden_states(std::span<const TokenId> ids, int layers) const {
  const auto length = static_cast<std::int64_t>(ids.size());
  Tensor hidden = Tensor::empty({1, length, config_.encoder.hidden_size}, DType::f32);
  embed(ids, hidden);
  encoder_.run(hidden, {.batch = 1, .length = length}, layers);
  return hidden;
}

}  // namespace gaze::chinese_clip
