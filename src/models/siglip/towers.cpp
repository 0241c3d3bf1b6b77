#include "models/siglip/towers.h"

#include <algorithm>
#include <cmath>

#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::siglip {
namespace {

EncoderConfig parse_encoder(const ConfigReader& reader) {
  EncoderConfig config{.hidden_size = reader.integer("hidden_size", 768),
                       .num_hidden_layers = reader.integer("num_hidden_layers", 12, 1000),
                       .num_attention_heads = reader.integer("num_attention_heads", 12),
                       .intermediate_size = reader.integer("intermediate_size", 3072),
                       .hidden_act = reader.activation("hidden_act", "gelu_pytorch_tanh"),
                       .layer_norm_eps = reader.number("layer_norm_eps", 1e-6f)};
  reader.require_divides("num_attention_heads", config.num_attention_heads, "hidden_size", config.hidden_size);
  return config;
}

// Rows [first, first + width) of torch's fused in_proj, as one product.
Linear in_projection(const WeightScope& attention, std::int64_t first, std::int64_t rows) {
  return {attention.tensor("in_proj_weight").rows(first, first + rows),
          attention.f32("in_proj_bias").rows(first, first + rows), attention.precision()};
}

// The probe through the query's part of in_proj, once and for all.
Tensor probe_query(const WeightScope& head, std::int64_t width) {
  const Linear projection(head.f32("attention.in_proj_weight").rows(0, width),
                          head.f32("attention.in_proj_bias").rows(0, width), Precision::f32);
  Tensor query = Tensor::empty({1, width}, DType::f32);
  projection(head.f32("probe").reshaped({1, width}), query);
  return query;
}

}  // namespace

VisionConfig parse_vision_config(const ConfigReader& reader) {
  VisionConfig config;
  config.encoder = parse_encoder(reader);
  config.image_size = reader.integer("image_size", 224, 1 << 14);
  config.patch_size = reader.integer("patch_size", 16, config.image_size);
  config.num_channels = reader.integer("num_channels", 3, 3);
  return config;
}

TextConfig parse_text_config(const ConfigReader& reader) {
  TextConfig config;
  config.encoder = parse_encoder(reader);
  config.vocab_size = reader.integer("vocab_size", 32000, 1 << 24);
  config.max_position_embeddings = reader.integer("max_position_embeddings", 64);
  config.projection_size = reader.integer("projection_size", config.encoder.hidden_size);
  config.pad_token_id = reader.id("pad_token_id", 1);
  return config;
}

VisionTower::VisionTower(const WeightScope& scope, const VisionConfig& config)
    : config_(config),
      activation_dtype_(scope.activation_dtype()),
      embeddings_({.kernel = (scope / "embeddings" / "patch_embedding").tensor("weight"),
                   .bias = (scope / "embeddings" / "patch_embedding").f32("bias"),
                   .class_embedding = {},
                   .position_embedding = (scope / "embeddings" / "position_embedding").f32("weight")},
                  scope.precision()),
      encoder_(scope / "encoder" / "layers", config.encoder, clip_layer_names()),
      post_layernorm_(scope / "post_layernorm", config.encoder.layer_norm_eps),
      query_(probe_query(scope / "head", config.encoder.hidden_size)),
      keys_values_(in_projection(scope / "head" / "attention", config.encoder.hidden_size,
                                 2 * std::int64_t{config.encoder.hidden_size})),
      attention_output_(scope / "head" / "attention" / "out_proj"),
      head_norm_(scope / "head" / "layernorm", config.encoder.layer_norm_eps),
      head_fc1_(scope / "head" / "mlp" / "fc1", config.encoder.hidden_act),
      head_fc2_(scope / "head" / "mlp" / "fc2") {}

void VisionTower::add_rows(WeightTable& table, const std::string& scope, const VisionConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.patch_embedding.weight",
            {width, config.num_channels, config.patch_size, config.patch_size});
  table.add(scope + ".embeddings.patch_embedding.bias", {width});
  table.add(scope + ".embeddings.position_embedding.weight", {config.patches(), width});
  table.ignore(scope + ".embeddings.position_ids");
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, clip_layer_names());
  table.add_norm(scope + ".post_layernorm", width);
  table.add(scope + ".head.probe", {1, 1, width});
  table.add(scope + ".head.attention.in_proj_weight", {3 * width, width});
  table.add(scope + ".head.attention.in_proj_bias", {3 * width});
  table.add_linear(scope + ".head.attention.out_proj", width, width);
  table.add_norm(scope + ".head.layernorm", width);
  table.add_linear(scope + ".head.mlp.fc1", width, config.encoder.intermediate_size);
  table.add_linear(scope + ".head.mlp.fc2", config.encoder.intermediate_size, width);
}

// SiglipMultiheadAttentionPoolingHead
void VisionTower::pool_by_attention(const Tensor& hidden, Tensor& pooled) const {
  const std::int64_t batch = hidden.size(0), patches = hidden.size(1), width = hidden.size(2);
  const std::int64_t heads = config_.encoder.num_attention_heads, head_size = width / heads;
  Scratch::Frame frame;
  Tensor keys_values = frame.tensor({batch, patches, 2 * width}, activation_dtype_);
  Tensor query = frame.tensor({batch, 1, width}, DType::f32);
  Tensor context = frame.tensor({batch, 1, width}, activation_dtype_);
  Tensor normed = frame.tensor({batch, width}, activation_dtype_);
  Tensor inner = frame.tensor({batch, head_fc1_.out_features()}, activation_dtype_);
  for (std::int64_t i = 0; i < batch; ++i) {
    Tensor row = query.rows(i, i + 1);
    convert(query_, row);
  }
  keys_values_(hidden, keys_values);
  attention({.heads = heads,
             .key_heads = heads,
             .head_size = head_size,
             .scale = 1 / std::sqrt(static_cast<float>(head_size))},
            {query, 0}, {keys_values, 0}, {keys_values, width}, patches, {}, context);
  attention_output_(context.reshaped({batch, width}), pooled);
  head_norm_(pooled, normed);
  head_fc1_(normed, inner);
  head_fc2_.add(inner, pooled);
}

void VisionTower::pool(const Tensor& pixels, Tensor& pooled) const {
  const std::int64_t batch = pixels.size(0), patches = config_.patches();
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, patches, config_.encoder.hidden_size}, DType::f32);
  embeddings_(pixels, hidden);
  encoder_.run(hidden, {.batch = batch, .length = patches}, encoder_.size());
  post_layernorm_(hidden, hidden);
  pool_by_attention(hidden, pooled);
}

Tensor VisionTower::hidden_states(const Tensor& pixels, int layers) const {
  const std::int64_t batch = pixels.size(0), patches = config_.patches();
  Tensor hidden = Tensor::empty({batch, patches, config_.encoder.hidden_size}, DType::f32);
  embeddings_(pixels, hidden);
  encoder_.run(hidden, {.batch = batch, .length = patches}, layers);
  return hidden;
}

TextTower::TextTower(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      token_embedding_((scope / "embeddings" / "token_embedding").tensor("weight")),
      position_embedding_((scope / "embeddings" / "position_embedding").f32("weight")),
      encoder_(scope / "encoder" / "layers", config.encoder, clip_layer_names()),
      final_layer_norm_(scope / "final_layer_norm", config.encoder.layer_norm_eps),
      head_(scope / "head") {}

void TextTower::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.token_embedding.weight", {config.vocab_size, width});
  table.add(scope + ".embeddings.position_embedding.weight", {config.max_position_embeddings, width});
  table.ignore(scope + ".embeddings.position_ids");
  Encoder::add_rows(table, scope + ".encoder.layers", config.encoder, clip_layer_names());
  table.add_norm(scope + ".final_layer_norm", width);
  table.add_linear(scope + ".head", width, config.projection_size);
}

void TextTower::embed(std::span<const TokenId> padded, Tensor& hidden) const {
  gather_rows(token_embedding_, padded, hidden);
  add_broadcast(hidden, position_embedding_);
}

void TextTower::pool(std::span<const std::vector<TokenId>* const> texts, Tensor& pooled) const {
  const auto batch = static_cast<std::int64_t>(texts.size());
  const std::int64_t length = config_.max_position_embeddings, width = config_.encoder.hidden_size;
  std::vector<TokenId> padded(texts.size() * static_cast<std::size_t>(length), config_.pad_token_id);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    GAZE_CHECK(texts[i]->size() <= static_cast<std::size_t>(length));
    std::ranges::copy(*texts[i], padded.begin() + static_cast<std::ptrdiff_t>(i) * length);
  }
  const std::vector<std::int32_t> last(texts.size(), static_cast<std::int32_t>(length - 1));
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, width}, DType::f32);
  Tensor end = frame.tensor({batch, width}, DType::f32);
  embed(padded, hidden);
  encoder_.run_at(hidden, {.batch = batch, .length = length}, last, end);
  final_layer_norm_(end, end);
  head_(end, pooled);
}

Tensor TextTower::hidden_states(std::span<const TokenId> ids, int layers) const {
  const std::int64_t length = config_.max_position_embeddings;
  std::vector<TokenId> padded(static_cast<std::size_t>(length), config_.pad_token_id);
  std::ranges::copy(ids, padded.begin());
  Tensor hidden = Tensor::empty({1, length, config_.encoder.hidden_size}, DType::f32);
  embed(padded, hidden);
  encoder_.run(hidden, {.batch = 1, .length = length}, layers);
  return hidden;
}

}  // namespace gaze::siglip
