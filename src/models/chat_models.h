// Language models to talk with, about pictures where they have eyes: which there are, and how they are opened.
#pragma once

#include <filesystem>
#include <memory>

#include "base/json.h"
#include "models/llama/chat_model.h"

namespace gaze {

// Whether config.json of a checkpoint folder says that it is one of these models, and that it looks at pictures.
bool is_chat_model(const Json& config);
bool is_picture_chat_model(const Json& config);

// A checkpoint folder with all that its files say, before the weights are looked at. Errors: model_not_found,
// unsupported_model, bad_weights, invalid_json.
llama::ChatModel::Parts open_chat_parts(const std::filesystem::path& folder, Precision precision);

// A checkpoint folder or a .gguf file; `mmproj`: the file with the eyes of the latter, or empty. Errors: not_found,
// model_not_found, unsupported_model, bad_weights (all missing, extra and misshapen tensors), out_of_memory, usage
// (eyes for a folder, which has its own).
std::unique_ptr<const llama::ChatModel> load_chat_model(const std::filesystem::path& path, Precision precision,
                                                        const std::filesystem::path& mmproj = {});

}  // namespace gaze
