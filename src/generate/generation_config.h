// How to generate, under the names of transformers' GenerationConfig.
#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace gaze {

// When beam search may stop, as the reference's `early_stopping` false, true and "never".
enum class EarlyStopping { no, yes, never };

struct GenerationConfig {
  int max_length = 20;  // tokens, the prompt counted
  int min_length = 0;   // the prompt counted; before it no end token
  int num_beams = 1;
  int num_return_sequences = 1;  // at most num_beams
  EarlyStopping early_stopping = EarlyStopping::no;
  float length_penalty = 1;  // exponent over the generated length
  float repetition_penalty = 1;
  int no_repeat_ngram_size = 0;  // 0: off

  // Sampling instead of the likeliest token when temperature > 0 (one beam only).
  float temperature = 0;
  int top_k = 0;    // 0: off
  float top_p = 1;  // 1: off
  std::uint64_t seed = 0;

  std::vector<TokenId> eos_token_ids;
  std::vector<TokenId> suppress_tokens;  // never come out

  bool sampling() const { return temperature > 0; }
};

// Errors: usage, naming the setting that makes no sense (alone or beside another).
void validate(const GenerationConfig& config);

// Overwrites in `config` what a checkpoint's generation_config.json (or config.json's text part) sets.
// Sampling settings stay as they are: people ask for sampling, checkpoints do not. Errors: bad_weights.
void apply_generation_config(const Json& json, const std::string& origin, GenerationConfig& config);

}  // namespace gaze
