// A sentence that a model said when it was asked, as a caption of the library.
#pragma once

#include <string>

#include "catalog/caption_store.h"
#include "tasks/caption.h"

namespace gaze {

// One line, as a caption is.
std::string one_line(std::string text);

// Puts a caption under `key` into the library, where searches find the picture by it.
void keep_caption(CaptionStore& store, const CaptionKey& key, const CaptionedPicture& picture);

}  // namespace gaze
