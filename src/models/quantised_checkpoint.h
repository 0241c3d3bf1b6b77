// Chat checkpoints in a few bits a weight: a folder as published, but for the language model's weights, which lie as a
// GGUF file in it (model.gguf; llama.cpp reads it too) and are mapped as they are; eyes keep their numbers
// (model.safetensors).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/cancel.h"
#include "models/llama/chat_model.h"
#include "weights/weight_source.h"

namespace gaze {

// Whether a folder is such a one.
bool is_quantised_checkpoint(const std::filesystem::path& folder);

// Its weights under the names of the hub's checkpoints; rows of queries and keys stand as GGUF has them
// (RotaryPairs::adjacent). Errors: bad_weights, not_found.
std::shared_ptr<const WeightSource> open_quantised_weights(const std::filesystem::path& folder);

enum class WeightBits { four, eight };

struct QuantiseResult {
  std::int64_t bytes_before = 0, bytes_after = 0;  // of the weights
};

// Writes the weights of `parts`, which were opened from the folder `from`, and copies what else the folder says into
// `to`, an empty folder. Four bits: matrices as quantise_four_bits() makes them, some as quantise_six_bits(), what
// tokens are and become in eight; rows that are no whole blocks stay numbers. `on_progress`: bytes of weights read, of
// how many. Errors: disk_full, unsupported_model (a tokenizer that GGUF has no form for), cancelled, bad_weights.
QuantiseResult write_quantised_checkpoint(
    const llama::ChatModel::Parts& parts, const std::filesystem::path& from, const std::filesystem::path& to,
    WeightBits bits, const CancelToken& cancel,
    const std::function<void(std::int64_t done, std::int64_t total)>& on_progress);

}  // namespace gaze
