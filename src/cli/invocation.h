// What a command's function gets: its arguments, the settings in force, and where to print.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "tasks/config.h"

namespace gaze::cli {

struct Invocation {
  const Command& command;
  std::vector<std::string> arguments;  // positional, as typed
  const Settings& settings;
  const ConfigFile& config_file;
  const Folders& folders;
  Output& output;
  const CancelToken& cancel;  // Ctrl-C

  bool json() const { return output.json(); }
};

}  // namespace gaze::cli
