// The value of every option in force: from the command line, the environment, config.toml, or the default.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/command.h"
#include "tasks/config.h"

namespace gaze::cli {

struct Setting {
  Option option;
  std::vector<std::string> values;  // empty: nobody set it and it has no default
  std::string origin;               // "command line", "environment", "config", "default"
  std::string where;                // the variable, or the file and line
};

// Immutable after resolve().
class Settings {
 public:
  // Checks every value, wherever it comes from, against its option.
  // Errors: usage (a value that makes no sense, named with where it stands).
  static Settings resolve(const std::vector<Option>& options, const std::string& command, const Arguments& arguments,
                          const ConfigFile& file);

  bool has(const std::string& name) const;    // the command knows this option
  bool given(const std::string& name) const;  // set by somebody, not the default
  bool flag(const std::string& name) const;
  std::string text(const std::string& name) const;  // empty where unset
  const std::vector<std::string>& texts(const std::string& name) const;
  std::int64_t integer(const std::string& name) const;
  double real(const std::string& name) const;

  const std::vector<Setting>& all() const { return settings_; }

 private:
  const Setting& find(const std::string& name) const;  // a name that no option has is our bug
  std::vector<Setting> settings_;
};

std::string environment_name(const Option& option);  // "GAZE_MAX_LENGTH"

}  // namespace gaze::cli
