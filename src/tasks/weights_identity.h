// Which model a checkpoint folder holds, whatever it is called and wherever it lies.
#pragma once

#include <filesystem>
#include <string>

namespace gaze {

// A text that changes when the weights, config.json or preprocessor_config.json do: SHA-256 over the sizes and some
// parts of these files, so that it costs a millisecond. Errors: not_found.
std::string weights_identity(const std::filesystem::path& checkpoint);

}  // namespace gaze
