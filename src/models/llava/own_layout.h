// LLaVA as its authors publish it (liuhaotian/llava-v1.5-7b and the like): the language model's config.json with keys
// for the eyes, whose tower is another checkpoint unless it was trained too. Reference: their llava/model, as
// transformers' convert_llava_weights_to_hf.py reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "models/llava/config.h"

namespace gaze::llava {

// The tower that most of them name, CLIP ViT-L/14 at 336 pixels, which needs no config to be known.
inline constexpr std::string_view kUsualTower = "openai/clip-vit-large-patch14-336";
clip::VisionConfig usual_tower();

struct OwnConfig {
  std::string tower;  // mm_vision_tower: a model's id or a folder
  bool tiles =
      false;  // image_aspect_ratio "anyres", as LLaVA-1.6 has it; else `llava` says whether pictures are padded
  Config llava;
};

// `json` is what `reader` reads. image_token is left as it is: their tokenizers have none. Errors: bad_weights;
// unsupported_model (projectors other than mlp2x_gelu, marks around pictures, language models other than LLaMA and
// Mistral).
OwnConfig parse_own_config(const ConfigReader& reader, const Json& json, const clip::VisionConfig& vision);

// The language model alone. Errors: as llama::parse_config's.
llama::Config parse_own_text(const ConfigReader& reader, const Json& json);

// A tensor's name as llava::canonical_name would give it.
std::string name_of_own(std::string_view name);
// The same of the tower's checkpoint; nothing for what is not its picture part.
std::optional<std::string> name_of_tower(std::string_view name);

}  // namespace gaze::llava
