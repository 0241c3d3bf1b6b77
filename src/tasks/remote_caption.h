// Captions through a remote model.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "base/json.h"
#include "catalog/library.h"
#include "tasks/caption.h"

namespace gaze {

// As caption_pictures, eight pictures at a time. Of `options` count: language, prompt (what to ask in place of
// "describe this picture"), max_new_tokens (else 100), follow_links, progress and on_caption (both from several
// threads, one at a time). Scores are not a number and ids empty: services tell neither. Answers are kept by the answer
// cache, captions by the library too, where searches find the pictures by them. Errors: those of ask_of_each.
CaptionResult caption_remotely(Library& library, const std::string& model, std::span<const std::filesystem::path> named,
                               const Bytes& standard_input, const CaptionOptions& options, const CancelToken& cancel);

// `--dry-run`: its first request, as describe_first; says on standard error what all of them would take out.
OrderedJson describe_captions(const std::string& model, std::span<const std::filesystem::path> named,
                              const Bytes& standard_input, const CaptionOptions& options, const CancelToken& cancel);

}  // namespace gaze
