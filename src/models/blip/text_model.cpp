#include "models/blip/text_model.h"

#include <numeric>

#include <fmt/format.h>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::blip {
namespace {

const CrossLayerNames& layer_names() {
  static const CrossLayerNames names{.layer = bert_layer_names(),
                                     .query = "crossattention.self.query",
                                     .key = "crossattention.self.key",
                                     .value = "crossattention.self.value",
                                     .output = "crossattention.output.dense",
                                     .norm = "crossattention.output.LayerNorm"};
  return names;
}

// decoder.weight where the checkpoint has it, else the word embeddings once more.
Linear load_decoder(const WeightScope& predictions, const Tensor& word_embeddings) {
  const bool own = (predictions / "decoder").has("weight");
  return {own ? (predictions / "decoder").tensor("weight") : word_embeddings, predictions.f32("bias"),
          predictions.precision()};
}

}  // namespace

TextModel::TextModel(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      word_embeddings_((scope / "embeddings" / "word_embeddings").tensor("weight")),
      position_embeddings_((scope / "embeddings" / "position_embeddings").f32("weight")),
      embedding_norm_(scope / "embeddings" / "LayerNorm", config.encoder.layer_norm_eps) {
  for (int i = 0; i < config.encoder.num_hidden_layers; ++i) {
    layers_.emplace_back(scope / "encoder" / "layer" / i, config.encoder, layer_names());
  }
}

void TextModel::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config, int memory_width) {
  const int width = config.encoder.hidden_size;
  table.add(scope + ".embeddings.word_embeddings.weight", {config.vocab_size, width});
  table.add(scope + ".embeddings.position_embeddings.weight", {config.max_position_embeddings, width});
  table.add_norm(scope + ".embeddings.LayerNorm", width);
  table.ignore(scope + ".embeddings.position_ids");
  for (int i = 0; i < config.encoder.num_hidden_layers; ++i) {
    CrossLayer::add_rows(table, fmt::format("{}.encoder.layer.{}", scope, i), config.encoder, memory_width,
                         layer_names());
  }
}

void TextModel::embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first, Tensor& hidden) const {
  gather_rows(word_embeddings_, ids, hidden);
  add_broadcast(hidden, position_embeddings_.rows(first, first + length));
  embedding_norm_(hidden, hidden);
}

Tensor TextModel::encode(std::span<const TokenId> ids, const Tensor& memory) const {
  const std::int64_t batch = memory.size(0), length = static_cast<std::int64_t>(ids.size()) / batch;
  Tensor hidden = Tensor::empty({batch, length, config_.encoder.hidden_size}, DType::f32);
  std::vector<int> picture_of_row(static_cast<std::size_t>(batch));
  std::iota(picture_of_row.begin(), picture_of_row.end(), 0);
  embed(ids, length, 0, hidden);
  for (const CrossLayer& layer : layers_) {
    const AttentionMemory pictures = layer.remember(memory);
    layer.run(hidden, {.batch = batch, .length = length}, {pictures, picture_of_row}, nullptr, 0);
  }
  return hidden;
}

TextDecoder::TextDecoder(const WeightScope& scope, const TextConfig& config)
    : config_(config),
      activation_dtype_(scope.activation_dtype()),
      bert_(scope / "bert", config),
      transform_(scope / "cls" / "predictions" / "transform" / "dense", config.encoder.hidden_act),
      transform_norm_(scope / "cls" / "predictions" / "transform" / "LayerNorm", config.encoder.layer_norm_eps),
      decoder_(load_decoder(scope / "cls" / "predictions", bert_.word_embeddings())) {}

void TextDecoder::add_rows(WeightTable& table, const std::string& scope, const TextConfig& config, int memory_width) {
  const int width = config.encoder.hidden_size;
  TextModel::add_rows(table, scope + ".bert", config, memory_width);
  table.add_linear(scope + ".cls.predictions.transform.dense", width, width);
  table.add_norm(scope + ".cls.predictions.transform.LayerNorm", width);
  table.add(scope + ".cls.predictions.bias", {config.vocab_size});
  table.add(scope + ".cls.predictions.decoder.weight", {config.vocab_size, width}, /*optional=*/true);
  table.ignore(scope + ".cls.predictions.decoder.bias");  // the same as predictions.bias
}

void TextDecoder::head(Tensor& hidden, Tensor& logits) const {
  Scratch::Frame frame;
  Tensor transformed = frame.tensor(hidden.shape(), DType::f32);
  transform_(hidden, transformed);
  transform_norm_(transformed, transformed);
  decoder_(transformed, logits);
}

}  // namespace gaze::blip
