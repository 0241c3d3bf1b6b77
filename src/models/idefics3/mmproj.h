// SmolVLM's eyes in a GGUF file of their own (clip.projector_type "idefics3"); see models/mmproj.h.
#pragma once

#include <memory>
#include <string>

#include "models/llama/config.h"
#include "models/picture_encoder.h"
#include "ops/precision.h"
#include "text/tokenizer.h"
#include "weights/gguf.h"

namespace gaze::idefics3 {

// Pictures are cut as the hub's checkpoints have it; a file that does not say how large they become first means four
// tiles. Errors: bad_weights (also a tokenizer without "<image>"), unsupported_model.
std::unique_ptr<const PictureEncoder> open_mmproj(const std::shared_ptr<const GgufFile>& file,
                                                  const std::string& origin, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision);

}  // namespace gaze::idefics3
