// Generation with a LLaMA: prompts block by block into the cache, then one position at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "generate/decoder.h"
#include "models/llama/text_model.h"

namespace gaze::llama {

// What stands in a prompt in place of words: every `token` in it becomes the next of these vectors.
struct PictureVectors {
  TokenId token = -1;
  Tensor vectors;                       // float32 [count, hidden_size]
  std::vector<std::uint64_t> contents;  // of each vector, the hash of its picture: the same vectors have the same
};

// Keeps what it has read: a prompt that begins as the sequence before (question, answer, next question) is read on from
// where the two differ, or where beams or choices parted. For one thread at a time.
class TextDecoder final : public Decoder {
 public:
  // capacity: positions at most, prompt and new tokens. `model` outlives this.
  TextDecoder(const TextModel& model, std::int64_t capacity, KvCacheType type = KvCacheType::automatic);

  int vocabulary_size() const override { return model_.config().vocab_size; }
  int max_positions() const override { return static_cast<int>(cache_.shape().capacity); }

  // Stops a prompt that is being read with Error(cancelled); nullptr: nothing does. Outlives the calls to come.
  void set_cancel(const CancelToken* cancel) { cancel_ = cancel; }

  // For the prompts to come, all together in their order. As many vectors as there are tokens for them.
  void set_pictures(PictureVectors pictures) { pictures_ = std::move(pictures); }

  // What keys and values are kept as.
  DType cache_dtype() const { return cache_.shape().dtype; }

  // For keeping what was read: `take` gets, piece by piece, beginning_bytes(length) bytes of the first `length`
  // positions of the last start()'s one prompt. A new decoder of the same model and cache_dtype() begins with them,
  // which `fill` gives piece by piece, before its first start(); `ids` are the positions' tokens, with set_pictures()
  // done. Where `fill` throws, nothing is known.
  std::int64_t beginning_bytes(std::int64_t length) const;
  void keep_beginning(std::int64_t length, const std::function<void(std::span<const std::byte>)>& take) const;
  void begin_with(std::span<const TokenId> ids, const std::function<void(std::span<std::byte>)>& fill);

  std::span<const float> start(std::span<const std::vector<TokenId>> prompts) override;
  std::span<const float> step(std::span<const TokenId> tokens, std::span<const int> parents) override;

  // How much the positions from `first` on of the one prompt of the last start(), and of the steps since, look at all
  // before them and themselves: float32 [positions, length], each row of sum 1, the mean over heads and layers. They
  // are read once more.
  Tensor attention(std::int64_t first);

  // Positions that the last start() found in the cache already.
  std::int64_t reused() const { return reused_; }

 private:
  // What stands at a position: a token, or a vector of certain pictures.
  struct Entry {
    TokenId token;
    std::uint64_t picture;
    bool operator==(const Entry&) const = default;
  };
  // What a layer attended with, from position `begin` on.
  using Attended = std::function<void(int layer, std::int64_t begin, const Tensor& qkv)>;
  void read(std::int64_t row, std::span<const TokenId> prompt, std::int64_t first, std::int64_t& vectors, Tensor& last,
            const Attended& attended = {});
  std::span<const float> logits_of(Tensor& hidden);
  std::vector<Entry> entries_of(std::span<const TokenId> ids) const;

  const TextModel& model_;
  const CancelToken* cancel_ = nullptr;
  KvCache cache_;
  PictureVectors pictures_;
  std::vector<Entry> known_;  // of the only row, up to where it branched; empty where there were several prompts
  std::int64_t reused_ = 0;
  std::vector<float> logits_;
};

}  // namespace gaze::llama
