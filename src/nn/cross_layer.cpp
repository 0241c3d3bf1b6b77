#include "nn/cross_layer.h"

#include <cmath>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze {

CrossLayer::CrossLayer(const WeightScope& scope, const EncoderConfig& config, const CrossLayerNames& names)
    : norm_(config.norm),
      heads_(config.num_attention_heads),
      head_size_(config.hidden_size / config.num_attention_heads),
      activation_dtype_(scope.activation_dtype()),
      qkv_({scope / names.layer.query, scope / names.layer.key, scope / names.layer.value}),
      attention_output_(scope / names.layer.attention_output),
      query_(scope / names.query),
      keys_values_({scope / names.key, scope / names.value}),
      cross_output_(scope / names.output),
      mlp_in_(scope / names.layer.mlp_in, config.hidden_act),
      mlp_out_(scope / names.layer.mlp_out),
      attention_norm_(scope / names.layer.attention_norm, config.layer_norm_eps),
      cross_norm_(scope / names.norm, config.layer_norm_eps),
      mlp_norm_(scope / names.layer.mlp_norm, config.layer_norm_eps) {}

void CrossLayer::add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                          std::int64_t memory_width, const CrossLayerNames& names) {
  EncoderLayer::add_rows(table, scope, config, names.layer);
  const auto full = [&](const std::string& name) { return scope + "." + name; };
  table.add_linear(full(names.query), config.hidden_size, config.hidden_size);
  table.add_linear(full(names.key), memory_width, config.hidden_size);
  table.add_linear(full(names.value), memory_width, config.hidden_size);
  table.add_linear(full(names.output), config.hidden_size, config.hidden_size);
  table.add_norm(full(names.norm), config.hidden_size);
}

AttentionMemory CrossLayer::remember(const Tensor& memory) const {
  const std::int64_t width = keys_values_.out_features() / 2;
  Scratch::Frame frame;
  Tensor keys_values = frame.tensor({memory.size(0), memory.size(1), 2 * width}, activation_dtype_);
  keys_values_(memory, keys_values);
  return {{.heads = heads_,
           .key_heads = heads_,
           .head_size = head_size_,
           .scale = 1 / std::sqrt(static_cast<float>(head_size_))},
          {keys_values, 0},
          {keys_values, width}};
}

// What a step reads: the normed hidden states, or the states themselves where the norm comes after.
const Tensor& CrossLayer::input_of(const LayerNorm& norm, const Tensor& hidden, Tensor& normed) const {
  if (norm_ == NormPlacement::after) return hidden;
  norm(hidden, normed);
  return normed;
}

// The residual connection around a step.
void CrossLayer::add(const Linear& output, const LayerNorm& norm, const Tensor& context, Tensor& hidden) const {
  output.add(context, hidden);
  if (norm_ == NormPlacement::after) norm(hidden, hidden);
}

void CrossLayer::look_at(const Memory& memory, Tensor& hidden) const {
  const std::int64_t width = hidden.size(-1);
  Scratch::Frame frame;
  Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
  Tensor query = frame.tensor({hidden.elements() / width, width}, activation_dtype_);
  Tensor context = frame.tensor(query.shape(), activation_dtype_);
  query_(input_of(cross_norm_, hidden, normed), query);
  memory.pictures.attend(query, memory.picture_of_row, context);
  add(cross_output_, cross_norm_, context, hidden);
}

void CrossLayer::run_mlp(Tensor& hidden) const {
  Scratch::Frame frame;
  Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
  Tensor inner = frame.tensor({hidden.elements() / hidden.size(-1), mlp_in_.out_features()}, activation_dtype_);
  mlp_in_(input_of(mlp_norm_, hidden, normed), inner);
  add(mlp_out_, mlp_norm_, inner, hidden);
}

void CrossLayer::run(Tensor& hidden, const Sequences& sequences, const Memory& memory, BeamCache* cache,
                     int index) const {
  const std::int64_t width = hidden.size(-1), batch = sequences.batch, length = sequences.length;
  {
    Scratch::Frame frame;
    Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
    Tensor qkv = frame.tensor({batch, length, 3 * width}, activation_dtype_);
    Tensor context = frame.tensor({batch, length, width}, activation_dtype_);
    qkv_(input_of(attention_norm_, hidden, normed), qkv);
    if (cache) cache->store(index, 0, qkv, width);
    attention({.heads = heads_,
               .key_heads = heads_,
               .head_size = head_size_,
               .scale = 1 / std::sqrt(static_cast<float>(head_size_)),
               .causal = sequences.causal},
              {qkv, 0}, {qkv, width}, {qkv, 2 * width}, length, sequences.lengths, context);
    add(attention_output_, attention_norm_, context, hidden);
  }
  look_at(memory, hidden);
  run_mlp(hidden);
}

void CrossLayer::step(Tensor& hidden, const Memory& memory, BeamCache& cache, int index) const {
  const std::int64_t width = hidden.size(-1), rows = hidden.size(0);
  {
    Scratch::Frame frame;
    Tensor normed = frame.tensor(hidden.shape(), activation_dtype_);
    Tensor qkv = frame.tensor({rows, 3 * width}, activation_dtype_);
    Tensor context = frame.tensor({rows, width}, activation_dtype_);
    qkv_(input_of(attention_norm_, hidden, normed), qkv);
    cache.store(index, cache.length() - 1, qkv, width);
    cache.attend(index, heads_, qkv, context);
    add(attention_output_, attention_norm_, context, hidden);
  }
  look_at(memory, hidden);
  run_mlp(hidden);
}

}  // namespace gaze
