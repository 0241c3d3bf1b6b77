// The whole program as a function: parses, resolves settings, runs the command, turns errors into messages.
#pragma once

#include <span>
#include <string>

#include "base/cancel.h"

namespace gaze::cli {

// `line`: argv without the program's name. Returns the exit status of cli.md: 0, 1, 2, 3 or 130.
int run_program(std::span<const std::string> line, const CancelToken& cancel);

}  // namespace gaze::cli
