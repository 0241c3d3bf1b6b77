#include "nn/encoder_layer.h"

#include <cmath>

#include <fmt/format.h>

#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze {

const EncoderLayerNames& clip_layer_names() {
  static const EncoderLayerNames names{.query = "self_attn.q_proj",
                                       .key = "self_attn.k_proj",
                                       .value = "self_attn.v_proj",
                                       .attention_output = "self_attn.out_proj",
                                       .attention_norm = "layer_norm1",
                                       .mlp_in = "mlp.fc1",
                                       .mlp_out = "mlp.fc2",
                                       .mlp_norm = "layer_norm2"};
  return names;
}

const EncoderLayerNames& bert_layer_names() {
  static const EncoderLayerNames names{.query = "attention.self.query",
                                       .key = "attention.self.key",
                                       .value = "attention.self.value",
                                       .attention_output = "attention.output.dense",
                                       .attention_norm = "attention.output.LayerNorm",
                                       .mlp_in = "intermediate.dense",
                                       .mlp_out = "output.dense",
                                       .mlp_norm = "output.LayerNorm"};
  return names;
}

Linear load_qkv(const WeightScope& scope, const EncoderLayerNames& names) {
  if (names.key.empty()) return Linear(scope / names.query);
  return Linear({scope / names.query, scope / names.key, scope / names.value});
}

EncoderLayer::EncoderLayer(const WeightScope& scope, const EncoderConfig& config, const EncoderLayerNames& names)
    : norm_(config.norm),
      heads_(config.num_attention_heads),
      head_size_(config.hidden_size / config.num_attention_heads),
      activation_dtype_(scope.activation_dtype()),
      qkv_(load_qkv(scope, names)),
      attention_output_(scope / names.attention_output),
      mlp_in_(scope / names.mlp_in, config.hidden_act),
      mlp_out_(scope / names.mlp_out),
      attention_norm_(scope / names.attention_norm, config.layer_norm_eps),
      mlp_norm_(scope / names.mlp_norm, config.layer_norm_eps) {}

void EncoderLayer::add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                            const EncoderLayerNames& names) {
  const auto full = [&](const std::string& name) { return scope + "." + name; };
  if (names.key.empty()) {
    table.add_linear(full(names.query), config.hidden_size, 3 * config.hidden_size);
  } else {
    for (const std::string& name : {names.query, names.key, names.value}) {
      table.add_linear(full(name), config.hidden_size, config.hidden_size);
    }
  }
  table.add_linear(full(names.attention_output), config.hidden_size, config.hidden_size);
  table.add_linear(full(names.mlp_in), config.hidden_size, config.intermediate_size);
  table.add_linear(full(names.mlp_out), config.intermediate_size, config.hidden_size);
  table.add_norm(full(names.attention_norm), config.hidden_size);
  table.add_norm(full(names.mlp_norm), config.hidden_size);
}

// What the attention reads: the normed hidden states, or the states themselves where the norm comes after.
const Tensor& EncoderLayer::attention_input(const Tensor& hidden, Tensor& normed) const {
  if (norm_ == NormPlacement::after) return hidden;
  attention_norm_(hidden, normed);
  return normed;
}

// Everything after the attention's weighted means, position by position.
void EncoderLayer::finish(const Tensor& context, Tensor& hidden) const {
  Scratch::Frame frame;
  const std::int64_t rows = hidden.elements() / hidden.size(-1);
  Tensor inner = frame.tensor({rows, mlp_in_.out_features()}, activation_dtype_);
  attention_output_.add(context, hidden);
  if (norm_ == NormPlacement::before) {
    Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
    mlp_norm_(hidden, normed);
    mlp_in_(normed, inner);
    mlp_out_.add(inner, hidden);
  } else {
    attention_norm_(hidden, hidden);
    mlp_in_(hidden, inner);
    mlp_out_.add(inner, hidden);
    mlp_norm_(hidden, hidden);
  }
}

void EncoderLayer::run(Tensor& hidden, const Sequences& sequences) const {
  const std::int64_t width = hidden.size(-1), batch = sequences.batch, length = sequences.length;
  Scratch::Frame frame;
  Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
  Tensor qkv = frame.tensor({batch, length, 3 * width}, activation_dtype_);
  Tensor context = frame.tensor({batch, length, width}, activation_dtype_);

  qkv_(attention_input(hidden, normed), qkv);
  attention({.heads = heads_,
             .key_heads = heads_,
             .head_size = head_size_,
             .scale = 1 / std::sqrt(static_cast<float>(head_size_)),
             .causal = sequences.causal},
            {qkv, 0}, {qkv, width}, {qkv, 2 * width}, length, sequences.lengths, context);
  finish(context, hidden);
}

void EncoderLayer::run_at(const Tensor& hidden, const Sequences& sequences, std::span<const std::int32_t> positions,
                          Tensor& pooled) const {
  const std::int64_t width = hidden.size(-1), batch = sequences.batch, length = sequences.length;
  Scratch::Frame frame;
  Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
  Tensor qkv = frame.tensor({batch, length, 3 * width}, activation_dtype_);
  Tensor query = frame.tensor({batch, 1, 3 * width}, activation_dtype_);
  Tensor context = frame.tensor({batch, 1, width}, activation_dtype_);
  Tensor rows = frame.tensor({batch}, DType::i32), visible = frame.tensor({batch}, DType::i32);
  for (std::int64_t i = 0; i < batch; ++i) {
    const auto b = static_cast<std::size_t>(i);
    const auto all = static_cast<std::int32_t>(length);
    const std::int32_t filled = sequences.lengths.empty() ? all : sequences.lengths[b];
    rows.data<std::int32_t>()[i] = static_cast<std::int32_t>(i * length) + positions[b];
    visible.data<std::int32_t>()[i] = sequences.causal ? std::min(filled, positions[b] + 1) : filled;
  }

  qkv_(attention_input(hidden, normed), qkv);
  gather_rows(qkv.reshaped({batch * length, 3 * width}), rows.values<std::int32_t>(), query);
  gather_rows(hidden.reshaped({batch * length, width}), rows.values<std::int32_t>(), pooled);
  attention({.heads = heads_,
             .key_heads = heads_,
             .head_size = head_size_,
             .scale = 1 / std::sqrt(static_cast<float>(head_size_))},
            {query, 0}, {qkv, width}, {qkv, 2 * width}, length, visible.values<std::int32_t>(), context);
  finish(context, pooled);
}

Encoder::Encoder(const WeightScope& scope, const EncoderConfig& config, const EncoderLayerNames& names) {
  layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
  for (int i = 0; i < config.num_hidden_layers; ++i) layers_.emplace_back(scope / i, config, names);
}

void Encoder::add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                       const EncoderLayerNames& names) {
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    EncoderLayer::add_rows(table, fmt::format("{}.{}", scope, i), config, names);
  }
}

void Encoder::run(Tensor& hidden, const Sequences& sequences, int layers) const {
  for (int i = 0; i < layers; ++i) layers_[static_cast<std::size_t>(i)].run(hidden, sequences);
}

void Encoder::run_at(Tensor& hidden, const Sequences& sequences, std::span<const std::int32_t> positions,
                     Tensor& pooled) const {
  run(hidden, sequences, size() - 1);
  layers_.back().run_at(hidden, sequences, positions, pooled);
}

}  // namespace gaze
