#include "tasks/config.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <pwd.h>
#include <toml++/toml.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path home_of_user() {
  if (const std::string home = environment("HOME"); !home.empty()) return home;
  const passwd* entry = ::getpwuid(::getuid());
  return entry && entry->pw_dir ? entry->pw_dir : "/";
}

// XDG Base Directory Specification: relative paths in these variables are to be ignored.
fs::path xdg(const char* variable, const char* otherwise) {
  const fs::path value = environment(variable);
  return value.is_absolute() ? value : home_of_user() / otherwise;
}

[[noreturn]] void throw_bad_value(const fs::path& path, unsigned line, const std::string& name) {
  throw Error(ErrorCode::usage, message("{}:{}: {} needs a text, a number, true or false", display(path), line, name));
}

std::string scalar(const toml::node& node, const fs::path& path, const std::string& name) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  throw_bad_value(path, node.source().begin.line, name);
}

void read_table(const toml::table& table, const std::string& name, const fs::path& path,
                std::vector<ConfigEntry>& entries) {
  for (const auto& [key, node] : table) {
    const std::string key_text(key.str());
    const int line = static_cast<int>(node.source().begin.line);
    if (const toml::table* inner = node.as_table()) {
      if (!name.empty()) throw_bad_value(path, node.source().begin.line, key_text);
      read_table(*inner, key_text, path, entries);
      continue;
    }
    ConfigEntry entry{name, key_text, {}, line};
    if (const toml::array* array = node.as_array()) {
      for (const toml::node& item : *array) entry.values.push_back(scalar(item, path, key_text));
    } else {
      entry.values.push_back(scalar(node, path, key_text));
    }
    entries.push_back(std::move(entry));
  }
}

struct LimitSource {
  std::string text, origin, where;
};

std::optional<LimitSource> source_of(const LimitField& limit, const ConfigFile& file) {
  std::string variable = std::string("GAZE_LIMITS_") + limit.name;
  for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (const std::string value = environment(variable.c_str()); !value.empty()) {
    return LimitSource{value, "environment", variable};
  }
  if (const ConfigEntry* entry = file.find("limits", limit.name); entry && entry->values.size() == 1) {
    return LimitSource{entry->values[0], "config", file.place(*entry)};
  }
  return std::nullopt;
}

}  // namespace

Folders folders_of_environment() {
  Folders folders;
  folders.config_file = xdg("XDG_CONFIG_HOME", ".config") / "gaze" / "config.toml";
  const fs::path home = environment("GAZE_HOME");
  folders.home = home.empty() ? xdg("XDG_DATA_HOME", ".local/share") / "gaze" : fs::absolute(home);
  return folders;
}

ConfigFile ConfigFile::load(const fs::path& path) {
  ConfigFile file;
  file.path_ = path;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return file;
  const std::string text = read_text_file(path, MiB);
  try {
    read_table(toml::parse(text), "", path, file.entries_);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::usage, message("{}:{}: not TOML: {}", display(path), error.source().begin.line,
                                          std::string(error.description())));
  }
  return file;
}

const ConfigEntry* ConfigFile::find(std::string_view table, std::string_view name) const {
  for (const ConfigEntry& entry : entries_) {
    if (entry.table == table && entry.name == name) return &entry;
  }
  return nullptr;
}

std::string ConfigFile::place(const ConfigEntry& entry) const {
  return fmt::format("{}:{}", display(path_), entry.line);
}

void apply_limits(const ConfigFile& file) {
  Limits value = limits();
  for (const LimitField& limit : limit_fields()) {
    const auto source = source_of(limit, file);
    if (!source) continue;
    std::int64_t number = 0;
    const char* end = source->text.data() + source->text.size();
    const auto parsed = std::from_chars(source->text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || number <= 0) {
      throw Error(ErrorCode::usage, message("{}: {} needs a whole number from 1 on, not {}", source->where, limit.name,
                                            to_valid_utf8(source->text)));
    }
    value.*limit.value = number;
  }
  for (const ConfigEntry& entry : file.entries()) {
    if (entry.table != "limits") continue;
    bool known = false;
    for (const LimitField& limit : limit_fields()) known = known || entry.name == limit.name;
    if (!known) throw Error(ErrorCode::usage, message("{}: there is no limit {}", file.place(entry), entry.name));
  }
  set_limits(value);
}

std::vector<LimitInForce> limits_in_force(const ConfigFile& file) {
  std::vector<LimitInForce> all;
  for (const LimitField& limit : limit_fields()) {
    const auto source = source_of(limit, file);
    all.push_back(
        {limit.name, limits().*limit.value, source ? source->origin : "default", source ? source->where : ""});
  }
  return all;
}

}  // namespace gaze
