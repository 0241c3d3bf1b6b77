// Language models to talk with, about pictures where they have eyes: which there are, and how they are opened.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"
#include "models/llama/chat_model.h"

namespace gaze {

// Whether config.json of a checkpoint folder says that it is one of these models, and that it looks at pictures.
bool is_chat_model(const Json& config);
bool is_picture_chat_model(const Json& config);

// The language model's part of such a config.json; `origin` names the file. Errors: bad_weights, unsupported_model.
llama::Config language_config(const Json& config, const std::string& origin);

// A checkpoint folder with all that its files say, before the weights are looked at; `tower`: as load_chat_model's
// eyes. Errors: model_not_found, unsupported_model, bad_weights, invalid_json.
llama::ChatModel::Parts open_chat_parts(const std::filesystem::path& folder, Precision precision,
                                        const std::filesystem::path& tower = {});

// The picture tower that a checkpoint in the layout of LLaVA's authors names (a model's id, or a folder) and needs, to
// be given as its eyes; empty for all others. Errors: not_found, invalid_json, bad_weights.
std::string missing_tower(const std::filesystem::path& folder);

// A checkpoint folder or a .gguf file. `eyes`: the file with those of the latter, or the tower's checkpoint folder
// where missing_tower() names one; else empty. Errors: not_found, model_not_found (the tower too), unsupported_model,
// bad_weights (all missing, extra and misshapen tensors), out_of_memory, usage (eyes for a folder that has its own).
std::unique_ptr<const llama::ChatModel> load_chat_model(const std::filesystem::path& path, Precision precision,
                                                        const std::filesystem::path& eyes = {});

}  // namespace gaze
