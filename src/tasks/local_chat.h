// A conversation with a language model on this machine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "ops/precision.h"
#include "tasks/visual_chat.h"

namespace gaze {

// `path`: a checkpoint folder or a .gguf file, with `mmproj` for its pictures (empty: none); `name`: as in `"model"` of
// JSON.
// Errors: those of loading; out_of_memory where the weights are larger than this process' memory.
std::unique_ptr<VisualChat> open_local_chat(const std::filesystem::path& path, std::string name, Precision precision,
                                            const std::filesystem::path& mmproj = {});

// Whether the checkpoint folder or file is a model that open_local_chat knows, by its config or its name.
bool is_local_chat(const std::filesystem::path& path);

}  // namespace gaze
