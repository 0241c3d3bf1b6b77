// A checkpoint folder as it is published: config.json, the weights, and what prepares inputs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"
#include "media/image_processor.h"
#include "models/dual_encoder.h"
#include "text/tokenizer.h"
#include "weights/weight_source.h"

namespace gaze {

struct Checkpoint {
  std::filesystem::path folder;
  Json config;  // config.json
  std::shared_ptr<const WeightSource> weights;

  std::string config_name() const;  // for messages
  std::string weights_name() const;
};

// Errors: model_not_found (no such folder, or no config.json in it), invalid_json, bad_weights.
Checkpoint open_checkpoint(const std::filesystem::path& folder);

// Reads preprocessor_config.json and holds that it makes what the tower takes: image_size × image_size.
// Errors: not_found, invalid_json, unsupported_model, bad_weights.
ImageProcessor open_image_processor(const std::filesystem::path& folder, int image_size);

// The processor itself, which must make that. `origin` is for messages. Errors: bad_weights.
ImageProcessor checked_size(const ImageProcessor& processor, const std::string& origin, int image_size);

// The folder's tokenizer, whose ids all lie within the model's `vocab_size`. Errors: open_tokenizer's, bad_weights.
std::unique_ptr<const Tokenizer> open_tokenizer(const Checkpoint& checkpoint, int vocab_size);

// Elements of all tensors but integer buffers such as position_ids.
std::int64_t count_parameters(const WeightSource& weights);

}  // namespace gaze
