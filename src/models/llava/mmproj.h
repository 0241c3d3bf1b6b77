// LLaVA-1.5's eyes in a GGUF file of their own (clip.projector_type "mlp"); see models/mmproj.h.
#pragma once

#include <memory>
#include <string>

#include "models/llava/config.h"
#include "models/picture_encoder.h"
#include "text/tokenizer.h"
#include "weights/gguf.h"

namespace gaze::llava {

// The shorter side of a picture is made to fit, the middle cut out, as the hub's checkpoints have it. The file holds
// only the layers whose features are used: all of them run. Where the tokenizer has no "<image>", the picture's token
// is the first beyond its vocabulary. Errors: bad_weights, unsupported_model.
std::unique_ptr<const PictureEncoder> open_mmproj(const std::shared_ptr<const GgufFile>& file,
                                                  const std::string& origin, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision);

}  // namespace gaze::llava
