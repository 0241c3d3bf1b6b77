// A language model that is here, written anew in a few bits a weight.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "models/quantised_checkpoint.h"
#include "tasks/model_store.h"

namespace gaze {

struct QuantiseOrder {
  std::string model;  // an installed name, or a checkpoint folder
  WeightBits bits = WeightBits::four;
  std::filesystem::path output;  // empty: beside the installed models, as NAME-int4 or NAME-int8
};

struct QuantisedModel {
  ModelEntry entry;
  QuantiseResult sizes;
};

// The folder appears whole or not at all: it is written under another name beside its place, synced and renamed.
// Errors: model_not_found, unsupported_model (no language model; a tokenizer without a form in GGUF files), usage (the
// output is there already), disk_full, cancelled, bad_weights.
QuantisedModel quantise_model(const QuantiseOrder& order, const ModelStore& store, const std::filesystem::path& models,
                              const CancelToken& cancel,
                              const std::function<void(std::int64_t done, std::int64_t total)>& on_progress);

}  // namespace gaze
