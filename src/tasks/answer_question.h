// Short answers about one picture from a model on this machine (BLIP-VQA), behind the interface of `ask` and `chat`.
#pragma once

#include <memory>
#include <string>

#include "models/picture_questions.h"
#include "tasks/visual_chat.h"

namespace gaze {

// `name` as in `"model"` of JSON. Such a model knows no conversation: each question stands for itself, and one without
// a picture is about the picture before. An answer comes in one piece.
// ask() refuses (usage): several pictures or none, addresses, a question longer than the model reads, a system text, a
// schema, a level of detail.
std::unique_ptr<VisualChat> make_answerer_chat(std::unique_ptr<const PictureAnswerer> model, std::string name);

}  // namespace gaze
