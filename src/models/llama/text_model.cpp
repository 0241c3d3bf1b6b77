#include "models/llama/text_model.h"

#include <numeric>

#include <fmt/format.h>

#include "ops/scratch.h"
#include "ops/swiglu.h"

namespace gaze::llama {

Layer::Layer(const WeightScope& scope, const Config& config)
    : config_(&config),
      qkv_({scope / "self_attn" / "q_proj", scope / "self_attn" / "k_proj", scope / "self_attn" / "v_proj"}),
      attention_output_(scope / "self_attn" / "o_proj"),
      gate_up_({scope / "mlp" / "gate_proj", scope / "mlp" / "up_proj"}),
      down_(scope / "mlp" / "down_proj"),
      attention_norm_(scope / "input_layernorm", config.rms_norm_eps),
      mlp_norm_(scope / "post_attention_layernorm", config.rms_norm_eps) {}

void Layer::run(const Tensor& turns, const std::function<void(const Tensor& qkv, Tensor& context)>& attend,
                Tensor& hidden) const {
  const std::int64_t rows = hidden.size(0), heads = config_->num_attention_heads, head_dim = config_->head_dim;
  Scratch::Frame frame;
  Tensor normed = frame.tensor(hidden.shape(), qkv_.input_dtype());
  Tensor qkv = frame.tensor({rows, qkv_.out_features()}, DType::f32);
  Tensor context = frame.tensor({rows, config_->query_width()}, DType::f32);
  Tensor gate_up = frame.tensor({rows, gate_up_.out_features()}, DType::f32);
  Tensor inner = frame.tensor({rows, down_.in_features()}, down_.input_dtype());

  attention_norm_(hidden, normed);
  qkv_(normed, qkv);
  // Queries and keys stand side by side: one list of heads.
  rotate(config_->rotary_pairs, turns, 0, heads + config_->num_key_value_heads, head_dim, qkv);
  attend(qkv, context);
  attention_output_.add(context, hidden);

  mlp_norm_(hidden, normed);
  gate_up_(normed, gate_up);
  swiglu(gate_up, inner);
  down_.add(inner, hidden);
}

TextModel::TextModel(const WeightScope& body, const WeightScope& head, const Config& config)
    : config_(config),
      precision_(body.precision()),
      embed_tokens_(body / "embed_tokens"),
      norm_(body / "norm", config.rms_norm_eps),
      head_(config.tie_word_embeddings ? body / "embed_tokens" : head) {
  layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
  for (int i = 0; i < config.num_hidden_layers; ++i) layers_.emplace_back(body / "layers" / i, config_);
}

void TextModel::add_rows(WeightTable& table, const std::string& body, const std::string& head, const Config& config) {
  const int width = config.hidden_size, inner = config.intermediate_size;
  table.add(body + ".embed_tokens.weight", {config.vocab_size, width});
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("{}.layers.{}", body, i);
    table.add_linear(layer + ".self_attn.q_proj", width, config.query_width(), config.attention_bias);
    table.add_linear(layer + ".self_attn.k_proj", width, config.key_width(), config.attention_bias);
    table.add_linear(layer + ".self_attn.v_proj", width, config.key_width(), config.attention_bias);
    table.add_linear(layer + ".self_attn.o_proj", config.query_width(), width, config.attention_bias);
    table.add_linear(layer + ".mlp.gate_proj", width, inner, config.mlp_bias);
    table.add_linear(layer + ".mlp.up_proj", width, inner, config.mlp_bias);
    table.add_linear(layer + ".mlp.down_proj", inner, width, config.mlp_bias);
    table.add(layer + ".input_layernorm.weight", {width});
    table.add(layer + ".post_attention_layernorm.weight", {width});
    table.ignore(layer + ".self_attn.rotary_emb.inv_freq");  // as old checkpoints save it
  }
  table.add(body + ".norm.weight", {width});
  // Of a tied head some writers save the copy.
  table.add(head + ".weight", {config.vocab_size, width}, config.tie_word_embeddings);
}

KvCacheShape cache_shape(const Config& config, Precision precision, KvCacheType type, std::int64_t capacity) {
  const DType own = precision == Precision::f32 ? DType::f32 : DType::bf16;
  return {.layers = config.num_hidden_layers,
          .heads = config.num_attention_heads,
          .key_heads = config.num_key_value_heads,
          .head_size = config.head_dim,
          .capacity = capacity,
          .dtype = type == KvCacheType::int8   ? DType::i8
                   : type == KvCacheType::bf16 ? DType::bf16
                                               : own};
}

KvCacheShape TextModel::cache_shape(std::int64_t capacity, KvCacheType type) const {
  return llama::cache_shape(config_, precision_, type, capacity);
}

void TextModel::embed(std::span<const TokenId> ids, Tensor& hidden) const {
  embed_tokens_(ids, hidden);
}

Tensor TextModel::turns_of(std::span<const std::int32_t> positions) const {
  Tensor turns = Tensor::empty({static_cast<std::int64_t>(positions.size()), config_.head_dim}, DType::f32);
  rotary_turns(config_.rotary_frequencies, positions, config_.rotary_scale, turns);
  return turns;
}

void TextModel::run_part(KvCache& cache, std::int64_t row, Tensor& hidden) const {
  run_part(cache, row, hidden, config_.num_hidden_layers);
}

void TextModel::run_part(KvCache& cache, std::int64_t row, Tensor& hidden, int layers) const {
  run_part(cache, row, hidden, layers, {});
}

void TextModel::run_part(KvCache& cache, std::int64_t row, Tensor& hidden,
                         const std::function<void(int layer, const Tensor& qkv)>& attended) const {
  run_part(cache, row, hidden, config_.num_hidden_layers, attended);
}

void TextModel::run_part(KvCache& cache, std::int64_t row, Tensor& hidden, int layers,
                         const std::function<void(int layer, const Tensor& qkv)>& attended) const {
  std::vector<std::int32_t> positions(static_cast<std::size_t>(hidden.size(0)));
  std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(cache.length(row)));
  const Tensor turns = turns_of(positions);
  cache.extend(row, hidden.size(0));
  for (int i = 0; i < layers; ++i) {
    const auto attend = [&](const Tensor& qkv, Tensor& context) {
      cache.attend_part(i, row, qkv, context);
      if (attended) attended(i, qkv);
    };
    layers_[static_cast<std::size_t>(i)].run(turns, attend, hidden);
  }
}

void TextModel::run_step(KvCache& cache, Tensor& hidden) const {
  std::vector<std::int32_t> positions;
  for (std::int64_t row = 0; row < cache.rows(); ++row) {
    positions.push_back(static_cast<std::int32_t>(cache.length(row) - 1));
  }
  const Tensor turns = turns_of(positions);
  for (int i = 0; i < config_.num_hidden_layers; ++i) {
    layers_[static_cast<std::size_t>(i)].run(
        turns, [&](const Tensor& qkv, Tensor& context) { cache.attend_step(i, qkv, context); }, hidden);
  }
}

void TextModel::head(Tensor& hidden, Tensor& logits) const {
  norm_(hidden, hidden);
  head_(hidden, logits);
}

}  // namespace gaze::llama
