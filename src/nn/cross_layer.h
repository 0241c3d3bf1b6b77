// A transformer layer that also looks at a memory (Vaswani et al. 2017, "decoder layer"): self-attention,
// cross-attention, MLP, each with a residual connection and a LayerNorm before it (the built-in captioner) or after it
// (BERT with cross-attention, as in BLIP).
#pragma once

#include <span>
#include <string>

#include "nn/beam_cache.h"
#include "nn/encoder_layer.h"
#include "ops/attention.h"

namespace gaze {

// How a family calls the parts: those of an encoder layer, and the second attention's.
struct CrossLayerNames {
  EncoderLayerNames layer;
  std::string query, key, value, output, norm;
};

// What rows look at.
struct Memory {
  const AttentionMemory& pictures;      // made by remember()
  std::span<const int> picture_of_row;  // rows of one picture stand together
};

// Immutable; safe to run from several threads at once.
class CrossLayer {
 public:
  CrossLayer(const WeightScope& scope, const EncoderConfig& config, const CrossLayerNames& names);

  static void add_rows(WeightTable& table, const std::string& scope, const EncoderConfig& config,
                       std::int64_t memory_width, const CrossLayerNames& names);

  // Once a picture: the keys and values of memory [pictures, positions, memory_width].
  AttentionMemory remember(const Tensor& memory) const;

  // Whole sequences, hidden [batch, length, hidden_size] float32 in place. With a cache that was started with them
  // their keys and values are kept as layer `index`'s.
  void run(Tensor& hidden, const Sequences& sequences, const Memory& memory, BeamCache* cache, int index) const;

  // One new position a row of a cache that was stepped: hidden [rows, hidden_size] float32 in place.
  void step(Tensor& hidden, const Memory& memory, BeamCache& cache, int index) const;

 private:
  const Tensor& input_of(const LayerNorm& norm, const Tensor& hidden, Tensor& normed) const;
  void add(const Linear& output, const LayerNorm& norm, const Tensor& context, Tensor& hidden) const;
  void look_at(const Memory& memory, Tensor& hidden) const;
  void run_mlp(Tensor& hidden) const;

  NormPlacement norm_;
  std::int64_t heads_, head_size_;
  DType activation_dtype_;
  Linear qkv_, attention_output_, query_, keys_values_, cross_output_, mlp_in_, mlp_out_;
  LayerNorm attention_norm_, cross_norm_, mlp_norm_;
};

}  // namespace gaze
