// Where Gaze keeps things, and what config.toml says.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gaze {

// Absolute paths after GAZE_HOME and XDG; none of them needs to exist.
struct Folders {
  std::filesystem::path config_file;  // $XDG_CONFIG_HOME/gaze/config.toml
  std::filesystem::path home;         // $GAZE_HOME, else $XDG_DATA_HOME/gaze
  std::filesystem::path models() const { return home / "models"; }
  std::filesystem::path library() const { return home / "library.db"; }
};

// From the environment; an empty variable counts as unset.
Folders folders_of_environment();

// `name = value` in config.toml. `table` is empty at the top, else a command's name or "limits".
struct ConfigEntry {
  std::string table;
  std::string name;
  std::vector<std::string> values;  // an array has several
  int line = 0;
};

// config.toml as written; what the names mean is the reader's business. Immutable; safe to share between threads.
class ConfigFile {
 public:
  ConfigFile() = default;
  // A missing file is an empty one. Errors: usage (not TOML, a value that is neither text, number nor truth value),
  // not_found (cannot be read).
  static ConfigFile load(const std::filesystem::path& path);

  // nullptr where the file does not say.
  const ConfigEntry* find(std::string_view table, std::string_view name) const;
  const std::vector<ConfigEntry>& entries() const { return entries_; }
  const std::filesystem::path& path() const { return path_; }
  std::string place(const ConfigEntry& entry) const;  // "/…/config.toml:3"

 private:
  std::filesystem::path path_;
  std::vector<ConfigEntry> entries_;
};

// Puts the [limits] table (and GAZE_LIMITS_IMAGE_PIXELS …) in force through set_limits: call once at start.
// Errors: usage (an unknown limit, a value that is not a positive whole number).
void apply_limits(const ConfigFile& file);

// Every limit with the value in force, for `gaze config`.
struct LimitInForce {
  std::string name;
  std::int64_t value = 0;
  std::string origin;  // as Setting's: "environment", "config", "default"
  std::string where;
};
std::vector<LimitInForce> limits_in_force(const ConfigFile& file);

}  // namespace gaze
