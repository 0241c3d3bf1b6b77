// What several commands share: options of the same meaning, the choice of the model, lists of what failed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/invocation.h"
#include "tasks/failed_input.h"
#include "tasks/open_model.h"
#include "tasks/pictures.h"

namespace gaze::cli {

// --no-exif-rotation, --decode, --special.
Option no_exif_rotation_option();
Option decode_option();
Option special_option();

// Of a command with the first one or two of these.
PictureOptions picture_options(const Settings& settings);

// The model that was asked for, else the best one for `task`. Says once where that is the built-in one.
// Errors: unsupported_model (a remote one), model_not_found.
ModelEntry choose_model(const Invocation& invocation, const std::string& task);

// --precision.
Precision precision_of(const Invocation& invocation);

// The same, opened with the towers that `options` wants in the precision that was asked for.
std::unique_ptr<const DualEncoder> open_model(const Invocation& invocation, const ModelEntry& entry,
                                              LoadOptions options);

// --library, or the folder's default.
std::filesystem::path library_path(const Invocation& invocation);

// Only the tokenizer and the image processor: no weights are read.
inline constexpr LoadOptions kNoTowers{.image_tower = false, .text_tower = false};

// {"name","kind","tasks","parameters","bytes","path","licence"}
OrderedJson model_json(const ModelEntry& entry);

// [{"path","code","message"}]
OrderedJson failed_json(std::span<const FailedInput> failed);
// The same for people, as warnings.
void warn_of_failed(std::span<const FailedInput> failed);
inline constexpr int kInterrupted = 130;  // the exit status where Ctrl-C is how a command ends
// 0, or 3 where something failed.
int status_for(std::span<const FailedInput> failed);

// Floats with the digits that they need and no more.
OrderedJson numbers(std::span<const float> values);

// Pictures as typed; "-" among them is one picture, which then is in `standard_input`, or a list of paths, whichever
// standard input holds.
std::vector<std::filesystem::path> pictures_of(const std::vector<std::string>& typed, Bytes& standard_input,
                                               const CancelToken& cancel);

// Texts as typed, "-" standing for the lines of standard input. Errors: limit_exceeded, cancelled.
std::vector<std::string> texts_of(const std::vector<std::string>& typed, const CancelToken& cancel);

}  // namespace gaze::cli
