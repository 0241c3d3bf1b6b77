#include "models/llama/decoder.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze::llama {
namespace {

// Of a prompt at a time: enough for the products to run at full speed, little enough for their memory.
constexpr std::int64_t kBlock = 768;

}  // namespace

TextDecoder::TextDecoder(const TextModel& model, std::int64_t capacity, KvCacheType type)
    : model_(model), cache_(model.cache_shape(capacity, type)) {}

// The prompt from position `first` on; `vectors`: how many picture vectors stand before it, counted on;
// last: [1, hidden_size] of the last position.
void TextDecoder::read(std::int64_t row, std::span<const TokenId> prompt, std::int64_t first, std::int64_t& vectors,
                       Tensor& last, const Attended& attended) {
  const auto length = static_cast<std::int64_t>(prompt.size()), width = std::int64_t{model_.config().hidden_size};
  for (std::int64_t begin = first; begin < length; begin += kBlock) {
    if (cancel_) cancel_->check();
    const std::int64_t count = std::min(kBlock, length - begin);
    std::vector<TokenId> ids(prompt.begin() + begin, prompt.begin() + begin + count);
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < count; ++i) {
      TokenId& id = ids[static_cast<std::size_t>(i)];
      if (id != pictures_.token) continue;
      places.push_back(i);
      id = 0;  // the image token need not have an embedding
    }
    Scratch::Frame frame;
    Tensor hidden = frame.tensor({count, width}, DType::f32);
    model_.embed(ids, hidden);
    for (const std::int64_t place : places) {
      Tensor to = hidden.rows(place, place + 1);
      convert(pictures_.vectors.rows(vectors, vectors + 1), to);
      ++vectors;
    }
    if (attended) {
      model_.run_part(cache_, row, hidden, [&](int layer, const Tensor& qkv) { attended(layer, begin, qkv); });
    } else {
      model_.run_part(cache_, row, hidden);
    }
    convert(hidden.rows(count - 1, count), last);
  }
}

std::vector<TextDecoder::Entry> TextDecoder::entries_of(std::span<const TokenId> ids) const {
  std::vector<Entry> entries;
  std::size_t seen = 0;
  for (const TokenId id : ids) entries.push_back({id, id == pictures_.token ? pictures_.contents[seen++] : 0});
  return entries;
}

std::int64_t TextDecoder::beginning_bytes(std::int64_t length) const {
  KvCacheShape kept = cache_.shape();
  kept.capacity = length;
  return kept.bytes();
}

void TextDecoder::keep_beginning(std::int64_t length,
                                 const std::function<void(std::span<const std::byte>)>& take) const {
  cache_.each_kept(length, [&](const Tensor& numbers) { take({numbers.raw(), numbers.bytes()}); });
}

void TextDecoder::begin_with(std::span<const TokenId> ids, const std::function<void(std::span<std::byte>)>& fill) {
  known_.clear();
  cache_.resume(std::ssize(ids), [&](Tensor& numbers) { fill({numbers.raw(), numbers.bytes()}); });
  known_ = entries_of(ids);
}

std::span<const float> TextDecoder::start(std::span<const std::vector<TokenId>> prompts) {
  const auto rows = static_cast<std::int64_t>(prompts.size());
  reused_ = 0;
  std::vector<Entry> wanted;
  if (rows == 1) {
    wanted = entries_of(prompts[0]);
    const auto [end, ignored] = std::mismatch(known_.begin(), known_.end(), wanted.begin(), wanted.end());
    // The last position is read again in any case: its logits are not kept.
    reused_ = std::min<std::int64_t>(end - known_.begin(), static_cast<std::int64_t>(wanted.size()) - 1);
  }
  if (reused_ > 0) {
    cache_.rewind(reused_);
  } else {
    cache_.start(rows);
  }
  known_.clear();  // until the prompt is read whole

  Scratch::Frame frame;
  Tensor hidden = frame.tensor({rows, model_.config().hidden_size}, DType::f32);
  std::int64_t vectors = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::vector<TokenId>& prompt = prompts[static_cast<std::size_t>(row)];
    vectors += std::count(prompt.begin(), prompt.begin() + reused_, pictures_.token);
    Tensor last = hidden.rows(row, row + 1);
    read(row, prompt, reused_, vectors, last);
  }
  GAZE_CHECK(vectors == (pictures_.vectors.defined() ? pictures_.vectors.size(0) : 0));
  known_ = std::move(wanted);
  return logits_of(hidden);
}

std::span<const float> TextDecoder::step(std::span<const TokenId> tokens, std::span<const int> parents) {
  const bool alone = cache_.rows() == 1 && cache_.length(0) == std::ssize(known_);
  cache_.step(parents);
  if (alone && tokens.size() == 1) {
    known_.push_back({tokens[0], 0});  // what comes after the first branch is not kept
  }
  Scratch::Frame frame;
  Tensor hidden = frame.tensor({static_cast<std::int64_t>(tokens.size()), model_.config().hidden_size}, DType::f32);
  model_.embed(tokens, hidden);
  model_.run_step(cache_, hidden);
  return logits_of(hidden);
}

Tensor TextDecoder::attention(std::int64_t first) {
  const std::int64_t length = std::ssize(known_);
  GAZE_CHECK(0 <= first && first < length && cache_.rows() == 1 && cache_.length(0) == length);
  std::vector<TokenId> ids;
  for (const Entry& entry : known_) ids.push_back(entry.token);
  std::int64_t vectors = std::count(ids.begin(), ids.begin() + first, pictures_.token);
  Tensor mean = Tensor::zeros({length - first, length}, DType::f32);
  cache_.rewind(first);
  Tensor last = Tensor::empty({1, model_.config().hidden_size}, DType::f32);
  read(0, ids, first, vectors, last, [&](int layer, std::int64_t begin, const Tensor& qkv) {
    const std::int64_t end = begin + qkv.size(0);
    Tensor sums = Tensor::zeros({qkv.size(0), end}, DType::f32);
    cache_.add_attention(layer, qkv, sums);
    const float share = 1 / static_cast<float>(model_.config().num_attention_heads * model_.config().num_hidden_layers);
    for (std::int64_t i = begin; i < end; ++i) {
      const float* from = sums.data<float>() + (i - begin) * end;
      float* to = mean.data<float>() + (i - first) * length;
      for (std::int64_t p = 0; p < end; ++p) to[p] += share * from[p];
    }
  });
  return mean;
}

std::span<const float> TextDecoder::logits_of(Tensor& hidden) {
  logits_.resize(static_cast<std::size_t>(hidden.size(0) * vocabulary_size()));
  Tensor logits =
      Tensor::borrow(std::as_bytes(std::span(logits_)), {hidden.size(0), vocabulary_size()}, DType::f32, nullptr);
  model_.head(hidden, logits);
  return logits_;
}

}  // namespace gaze::llama
