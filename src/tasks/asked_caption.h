// Captions by asking a chat model on this machine to describe each picture.
#pragma once

#include <filesystem>
#include <span>

#include "catalog/library.h"
#include "tasks/caption.h"
#include "tasks/visual_chat.h"

namespace gaze {

// As caption_pictures, one after the other; what the library has under the same model and question is not asked again.
// Of `options` count: language, prompt (what to ask in place of "describe this picture"), pictures.exif_rotation,
// follow_links, progress and on_caption; `answer` says how words are found. Scores are not a number.
// Errors: usage (a picture from standard input; a model that looks at none), cancelled, those of the model.
CaptionResult caption_by_asking(Library& library, VisualChat& chat, const ModelKey& model,
                                std::span<const std::filesystem::path> named, const CaptionOptions& options,
                                AnswerOptions answer, const CancelToken& cancel);

}  // namespace gaze
