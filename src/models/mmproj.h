// The eyes of a language model as llama.cpp keeps them: a GGUF file of their own beside the model's
// (general.architecture "clip"), of LLaVA-1.5 (clip.projector_type "mlp") or of SmolVLM and Idefics3 ("idefics3").
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "models/llama/config.h"
#include "models/picture_encoder.h"
#include "ops/precision.h"
#include "text/tokenizer.h"
#include "weights/gguf.h"

namespace gaze {

// Eyes for a language model of this config and tokenizer, which outlives them. Pictures are prepared as
// the hub's checkpoints have it. Errors: bad_weights, unsupported_model (other projectors, pictures in LLaVA-NeXT's
// tiles, features of several layers).
std::unique_ptr<const PictureEncoder> open_mmproj(const WeightFile& file, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision);

// For the families. What all such files say of their tower, as a vision_config of the hub's.
Json mmproj_vision_config(const GgufMetadata& data, std::string_view hidden_act);
// "v.blk.3.attn_q.weight" as "encoder.layers.3.self_attn.q_proj.weight"; nothing where it is no layer's. `swapped`: the
// converter that wrote LLaVA's first files called the first layer of the MLP "down" and the second one "up".
std::optional<std::string> mmproj_layer_name(std::string_view name, bool swapped);

}  // namespace gaze
