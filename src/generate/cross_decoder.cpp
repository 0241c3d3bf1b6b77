#include "generate/cross_decoder.h"

#include <numeric>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze {

CrossDecoder::CrossDecoder(const CrossDecoderModel& model, const Tensor& memory)
    : model_(model),
      cache_(static_cast<int>(model.layers().size()), model.hidden_size(), model.max_positions(),
             model.activation_dtype()) {
  for (const CrossLayer& layer : model.layers()) memories_.push_back(layer.remember(memory));
}

void CrossDecoder::run_prompts(std::span<const std::vector<TokenId>> prompts, Tensor& hidden) {
  const auto batch = static_cast<std::int64_t>(prompts.size()), length = hidden.size(1);
  std::vector<TokenId> ids;
  for (const std::vector<TokenId>& prompt : prompts) {
    GAZE_CHECK(static_cast<std::int64_t>(prompt.size()) == length);
    ids.insert(ids.end(), prompt.begin(), prompt.end());
  }
  picture_of_row_.resize(prompts.size());
  std::iota(picture_of_row_.begin(), picture_of_row_.end(), 0);
  cache_.start(batch, length);
  model_.embed(ids, length, 0, hidden);
  const Sequences sequences{.batch = batch, .length = length, .causal = true};
  for (std::size_t i = 0; i < memories_.size(); ++i) {
    model_.layers()[i].run(hidden, sequences, memory_of(i), &cache_, static_cast<int>(i));
  }
}

std::span<const float> CrossDecoder::logits_of(Tensor& hidden) {
  const std::int64_t rows = hidden.size(0), vocabulary = vocabulary_size();
  Scratch::Frame frame;
  Tensor logits = frame.tensor({rows, vocabulary}, DType::f32);
  model_.head(hidden, logits);
  logits_.assign(logits.values<float>().begin(), logits.values<float>().end());
  return logits_;
}

std::span<const float> CrossDecoder::start(std::span<const std::vector<TokenId>> prompts) {
  const auto batch = static_cast<std::int64_t>(prompts.size());
  const auto length = static_cast<std::int64_t>(prompts.front().size());
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({batch, length, model_.hidden_size()}, DType::f32);
  Tensor last = frame.tensor({batch, model_.hidden_size()}, DType::f32);
  run_prompts(prompts, hidden);
  for (std::int64_t b = 0; b < batch; ++b) {
    Tensor row = last.rows(b, b + 1);
    convert(hidden.rows(b, b + 1).reshaped({length, model_.hidden_size()}).rows(length - 1, length), row);
  }
  return logits_of(last);
}

std::span<const float> CrossDecoder::step(std::span<const TokenId> tokens, std::span<const int> parents) {
  std::swap(picture_of_row_, picture_before_);
  picture_of_row_.clear();
  for (const int parent : parents) picture_of_row_.push_back(picture_before_[static_cast<std::size_t>(parent)]);
  cache_.step(parents);

  Scratch::Frame frame;
  Tensor hidden = frame.tensor({static_cast<std::int64_t>(tokens.size()), model_.hidden_size()}, DType::f32);
  model_.embed(tokens, 1, cache_.length() - 1, hidden);
  for (std::size_t i = 0; i < memories_.size(); ++i) {
    model_.layers()[i].step(hidden, memory_of(i), cache_, static_cast<int>(i));
  }
  return logits_of(hidden);
}

Tensor CrossDecoder::all_logits(std::span<const std::vector<TokenId>> prompts) {
  const auto batch = static_cast<std::int64_t>(prompts.size());
  const auto length = static_cast<std::int64_t>(prompts.front().size());
  Tensor hidden = Tensor::empty({batch, length, model_.hidden_size()}, DType::f32);
  run_prompts(prompts, hidden);
  Tensor rows = hidden.reshaped({batch * length, model_.hidden_size()});
  Tensor logits = Tensor::empty({batch * length, vocabulary_size()}, DType::f32);
  model_.head(rows, logits);
  return logits.reshaped({batch, length, vocabulary_size()});
}

}  // namespace gaze
