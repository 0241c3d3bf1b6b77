// Which families there are, and what a checkpoint can do by its config.json. The load_… functions of the interfaces
// (dual_encoder.h, captioner.h, picture_questions.h) stand beside the table in registry.cpp.
#pragma once

#include <string>

#include "base/json.h"

namespace gaze {

// What can be loaded from a checkpoint with this config.json. Nothing: no family knows it.
struct ModelAbilities {
  bool embeds = false;    // load_dual_encoder
  bool captions = false;  // load_captioner
  bool answers = false;   // load_picture_answerer
  bool matches = false;   // load_picture_matcher
};
ModelAbilities abilities_of(const Json& config);

// What decides the family: `architectures`' first, else `model_type`; empty where config.json has neither.
std::string architecture_of(const Json& config);

}  // namespace gaze
