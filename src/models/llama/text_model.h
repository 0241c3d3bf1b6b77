// The decoder of LLaMA (Touvron et al. 2023, https://arxiv.org/abs/2302.13971). Reference: transformers'
// LlamaForCausalLM.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "models/llama/config.h"
#include "nn/decoder_linear.h"
#include "nn/kv_cache.h"
#include "nn/weight_table.h"
#include "text/tokenizer.h"

namespace gaze::llama {

// LlamaDecoderLayer. Immutable; safe to run from several threads at once.
class Layer {
 public:
  Layer(const WeightScope& scope, const Config& config);

  // hidden: float32 [rows, hidden_size], in place; turns: rotary_turns of its rows' positions. `attend` fills its
  // second argument, float32 [rows, query_width], from the first, [rows, query_width + 2 · key_width].
  void run(const Tensor& turns, const std::function<void(const Tensor& qkv, Tensor& context)>& attend,
           Tensor& hidden) const;

 private:
  const Config* config_;
  DecoderLinear qkv_, attention_output_, gate_up_, down_;
  RmsNorm attention_norm_, mlp_norm_;
};

// Of a model that computes in `precision`, a row of so many positions at most.
KvCacheShape cache_shape(const Config& config, Precision precision, KvCacheType type, std::int64_t capacity);

// Immutable; safe to run from several threads at once, each with its own cache.
class TextModel {
 public:
  // `body` is the scope of embed_tokens, layers and norm, `head` that of the head's weight (unused where it is tied).
  TextModel(const WeightScope& body, const WeightScope& head, const Config& config);
  TextModel(const TextModel&) = delete;
  TextModel& operator=(const TextModel&) = delete;

  // Names as in "model" and "lm_head".
  static void add_rows(WeightTable& table, const std::string& body, const std::string& head, const Config& config);

  const Config& config() const { return config_; }
  KvCacheShape cache_shape(std::int64_t capacity, KvCacheType type = KvCacheType::automatic) const;

  // hidden: float32 [ids, hidden_size]. ids lie within the vocabulary.
  void embed(std::span<const TokenId> ids, Tensor& hidden) const;

  // The next positions of one row of the cache: hidden [count, hidden_size] in place, through the first `layers` (all
  // but in tests).
  void run_part(KvCache& cache, std::int64_t row, Tensor& hidden) const;
  void run_part(KvCache& cache, std::int64_t row, Tensor& hidden, int layers) const;
  // The same through all layers; `attended` is told what each attended with, once it has.
  void run_part(KvCache& cache, std::int64_t row, Tensor& hidden,
                const std::function<void(int layer, const Tensor& qkv)>& attended) const;
  // One position of each row, after cache.step(): hidden [rows, hidden_size] in place.
  void run_step(KvCache& cache, Tensor& hidden) const;

  // hidden: float32 [rows, hidden_size], is changed; logits: float32 [rows, vocab_size].
  void head(Tensor& hidden, Tensor& logits) const;

 private:
  void run_part(KvCache& cache, std::int64_t row, Tensor& hidden, int layers,
                const std::function<void(int layer, const Tensor& qkv)>& attended) const;
  Tensor turns_of(std::span<const std::int32_t> positions) const;

  Config config_;
  Precision precision_;
  Embedding embed_tokens_;
  std::vector<Layer> layers_;
  RmsNorm norm_;
  DecoderLinear head_;
};

}  // namespace gaze::llama
