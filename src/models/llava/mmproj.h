// LLaVA's eyes as llama.cpp keeps them: a GGUF file beside the language model's (general.architecture "clip").
#pragma once

#include <memory>

#include "models/llava/config.h"
#include "models/picture_encoder.h"
#include "text/tokenizer.h"
#include "weights/weight_file.h"

namespace gaze::llava {

// Eyes for a language model of this config and tokenizer. Pictures are prepared as the hub's checkpoints have it: the
// shorter side made to fit, the middle cut out. The file holds only the layers whose features are used: all of them
// run. Where the tokenizer has no "<image>", the picture's token is the first beyond its vocabulary. Errors:
// bad_weights, unsupported_model (other projectors, pictures in tiles, features of several layers).
std::unique_ptr<const PictureEncoder> open_mmproj(const WeightFile& file, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision);

}  // namespace gaze::llava
