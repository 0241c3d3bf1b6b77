// What captions made by asking have in common: the pictures that were named, and the answer as a line of the library.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "catalog/caption_store.h"
#include "tasks/caption.h"

namespace gaze {

struct CaptionInput {
  CaptionedPicture picture;         // without candidates
  bool named = false;               // by the user, not found in a folder
  std::optional<Error> fault = {};  // it is not there
};

// The files that were named and those in the folders that were, in that order; "-" stays as it is. Folders that cannot
// be read go to `failed`. Errors: cancelled.
std::vector<CaptionInput> gather_inputs(std::span<const std::filesystem::path> named, bool follow_links,
                                        const CancelToken& cancel, std::vector<FailedInput>& failed);

// One line, as a caption is.
std::string one_line(std::string text);

// Puts a caption under `key` into the library, where searches find the picture by it.
void keep_caption(CaptionStore& store, const CaptionKey& key, const CaptionedPicture& picture);

}  // namespace gaze
