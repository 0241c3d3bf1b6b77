// From argv to a command, its positional arguments and the options as they were typed.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"

namespace gaze::cli {

struct Arguments {
  std::optional<Command> command;  // none: only global options were given
  std::vector<std::string> positional;
  std::map<std::string, std::vector<std::string>> options;  // by name without dashes; a switch holds "true"

  bool has(const std::string& option) const { return options.count(option) > 0; }
};

// Global options stand before or after the command; after `--` everything is positional.
// Errors: usage (an unknown command or option, with the nearest real one; an option without its value).
Arguments parse_arguments(std::span<const std::string> line);

// True where the line asks for JSON, whatever else is wrong with it: errors then are JSON too.
bool asks_for_json(std::span<const std::string> line);

}  // namespace gaze::cli
