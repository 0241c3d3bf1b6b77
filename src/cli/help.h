// Everything that is written from the table of commands: help, man pages, shell completions.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace gaze::cli {

std::string version_line();  // "gaze 0.1.0"

std::string general_help(const std::vector<Command>& commands);
std::string command_help(const Command& command);

// A page of section 1 in troff.
std::string man_page(const std::vector<Command>& commands);

// shell: "bash", "zsh" or "fish".
std::string completion_script(const std::vector<Command>& commands, const std::string& shell);

}  // namespace gaze::cli
