// A transformer encoder layer (Vaswani et al. 2017): attention, then an MLP, each with a residual connection and a
// LayerNorm before it (ViT, CLIP) or after it (BERT).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn/weight_table.h"

namespace gaze {

enum class NormPlacement { before, after };

struct EncoderConfig {
  int hidden_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;  // divides hidden_size
  int intermediate_size = 0;
  Activation hidden_act = Activation::gelu;
  float layer_norm_eps = 1e-5f;
  NormPlacement norm = NormPlacement::before;
};

// How a family calls the parts of a layer. Where one weight holds query, key and value, `query` names it and the other
// two are empty.
struct EncoderLayerNames {
  std::string query, key, value, attention_output, attention_norm, mlp_in, mlp_out, mlp_norm;
};
const EncoderLayerNames& clip_layer_names();  // self_attn.q_proj … layer_norm2: CLIP, SigLIP
const EncoderLayerNames& bert_layer_names();  // attention.self.query … output.LayerNorm

// Query, key and value as one product.
Linear load_qkv(const WeightScope& scope, const EncoderLayerNames& names);

// Which tokens belong together and see each other. Hidden states are [batch, length, hidden_size].
struct Sequences {
  std::int64_t batch = 0;
  std::int64_t length = 0;
  bool causal = false;
  std::span<const std::int32_t> lengths;  // tokens of each that are no padding; empty: all
};

class EncoderLayer {
 public:
  EncoderLayer(const WeightScope& scope, const EncoderConfig& config, const EncoderLayerNames& names);

  static void add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                       const EncoderLayerNames& names);

  // hidden: float32 [batch, length, hidden_size], changed in place.
  void run(Tensor& hidden, const Sequences& sequences) const;

  // What run() would leave at one position of each sequence, and nothing else: only keys and values are computed for
  // the other positions. pooled: float32 [batch, hidden_size].
  void run_at(const Tensor& hidden, const Sequences& sequences, std::span<const std::int32_t> positions,
              Tensor& pooled) const;

 private:
  const Tensor& attention_input(const Tensor& hidden, Tensor& normed) const;
  void finish(const Tensor& context, Tensor& hidden) const;

  NormPlacement norm_;
  int heads_, head_size_;
  DType activation_dtype_;
  Linear qkv_, attention_output_, mlp_in_, mlp_out_;
  LayerNorm attention_norm_, mlp_norm_;
};

// The layers in order, with names `SCOPE.0`, `SCOPE.1` ….
class Encoder {
 public:
  Encoder(const WeightScope& scope, const EncoderConfig& config, const EncoderLayerNames& names);

  static void add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                       const EncoderLayerNames& names);

  // The first `layers` of them, in place.
  void run(Tensor& hidden, const Sequences& sequences, int layers) const;
  // All of them, but only one position of each sequence is wanted: the last layer computes no other. `hidden` is
  // changed; pooled: float32 [batch, hidden_size].
  void run_at(Tensor& hidden, const Sequences& sequences, std::span<const std::int32_t> positions,
              Tensor& pooled) const;

  int size() const { return static_cast<int>(layers_.size()); }

 private:
  std::vector<EncoderLayer> layers_;
};

}  // namespace gaze
