// Beam search, step for step as transformers' GenerationMixin._beam_search.
#pragma once

#include "generate/generate.h"

namespace gaze {

// What generate() calls for num_beams > 1; the prompts fit and the config is valid.
std::vector<std::vector<Generation>> beam_search(Decoder& decoder, std::span<const std::vector<TokenId>> prompts,
                                                 const GenerationConfig& config, const CancelToken* cancel);

}  // namespace gaze
