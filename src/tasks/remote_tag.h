// Tags by asking a remote model.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/file.h"
#include "base/json.h"
#include "tasks/tag.h"

namespace gaze {

// As tag_pictures, eight pictures at a time. The probabilities are what the model says of each label, each for itself,
// and of none of them fitting; `options.form` and `pictures` are not looked at. A picture whose answer is something
// else is in `failed` (invalid_json). Errors: those of ask_of_each.
TagResult tag_remotely(const std::string& model, std::span<const std::filesystem::path> named,
                       const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel);

// `--dry-run`: its first request, as describe_first; says on standard error what all of them would take out.
OrderedJson describe_tags(const std::string& model, std::span<const std::filesystem::path> named,
                          const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel);

}  // namespace gaze
