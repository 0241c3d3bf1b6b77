#include "cli/settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze::cli {
namespace {

template <class Number>
bool parse(const std::string& text, Number& number) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  return !text.empty() && result.ec == std::errc() && result.ptr == end;
}

bool parse_truth(const std::string& text, bool& value) {
  value = text == "true" || text == "1" || text == "yes" || text == "on";
  return value || text == "false" || text == "0" || text == "no" || text == "off";
}

// What a value of this option must be, for the message about one that is not.
std::string expectation(const Option& option) {
  switch (option.kind) {
    case Option::Kind::flag:
      return message("true or false");
    case Option::Kind::choice:
      return fmt::format("{}", fmt::join(option.choices, ", "));
    case Option::Kind::integer:
      if (option.most >= static_cast<double>(kNoUpperLimit)) {
        return message("a whole number from {} on", static_cast<std::int64_t>(option.least));
      }
      return message("a whole number from {} to {}", static_cast<std::int64_t>(option.least),
                     static_cast<std::int64_t>(option.most));
    case Option::Kind::real:
      if (std::isinf(option.most) && std::isinf(option.least)) return message("a number");
      if (std::isinf(option.most)) return message("a number from {} on", option.least);
      return message("a number from {} to {}", option.least, option.most);
    case Option::Kind::text:
      break;
  }
  return message("a text");
}

bool makes_sense(const Option& option, const std::string& value) {
  switch (option.kind) {
    case Option::Kind::flag: {
      bool truth = false;
      return parse_truth(value, truth);
    }
    case Option::Kind::choice:
      return std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end();
    case Option::Kind::integer: {
      std::int64_t number = 0;
      return parse(value, number) && static_cast<double>(number) >= option.least &&
             static_cast<double>(number) <= option.most;
    }
    case Option::Kind::real: {
      double number = 0;
      return parse(value, number) && std::isfinite(number) && number >= option.least && number <= option.most;
    }
    case Option::Kind::text:
      return true;
  }
  return false;
}

void check(const Setting& setting, const std::string& command) {
  const Option& option = setting.option;
  for (const std::string& value : setting.values) {
    if (makes_sense(option, value)) continue;
    const std::string where = setting.where.empty() ? "--" + option.name : setting.where;
    throw Error(
        ErrorCode::usage,
        message("{}: {} makes no sense; {} is wanted", where, "'" + to_valid_utf8(value) + "'", expectation(option)),
        command.empty() ? message("see: gaze --help") : message("see: gaze {} --help", command));
  }
  if (!option.repeated && setting.values.size() > 1) {
    throw Error(ErrorCode::usage, message("{}: {} takes one value", setting.where, option.name));
  }
}

// config.toml may write max_length for --max-length.
const ConfigEntry* entry_of(const ConfigFile& file, const std::string& table, const std::string& name) {
  if (const ConfigEntry* entry = file.find(table, name)) return entry;
  std::string underscored = name;
  std::replace(underscored.begin(), underscored.end(), '-', '_');
  return file.find(table, underscored);
}

Setting look_up(const Option& option, const std::string& command, const Arguments& arguments, const ConfigFile& file) {
  if (const auto typed = arguments.options.find(option.name); typed != arguments.options.end()) {
    return {option, typed->second, "command line", ""};
  }
  if (!option.only_on_line) {
    const std::string variable = environment_name(option);
    if (const char* value = std::getenv(variable.c_str()); value && *value) {
      return {option, {value}, "environment", variable};
    }
    const ConfigEntry* entry = command.empty() ? nullptr : entry_of(file, command, option.name);
    if (!entry) entry = entry_of(file, "", option.name);
    if (entry) return {option, entry->values, "config", file.place(*entry)};
  }
  return {option, option.fallback.empty() ? std::vector<std::string>{} : std::vector{option.fallback}, "default", ""};
}

}  // namespace

std::string environment_name(const Option& option) {
  std::string name = "GAZE_" + option.name;
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Settings Settings::resolve(const std::vector<Option>& options, const std::string& command, const Arguments& arguments,
                           const ConfigFile& file) {
  Settings settings;
  for (const Option& option : options) {
    settings.settings_.push_back(look_up(option, command, arguments, file));
    check(settings.settings_.back(), command);
  }
  return settings;
}

const Setting& Settings::find(const std::string& name) const {
  const auto found =
      std::find_if(settings_.begin(), settings_.end(), [&](const Setting& one) { return one.option.name == name; });
  GAZE_CHECK(found != settings_.end());
  return *found;
}

bool Settings::has(const std::string& name) const {
  return std::any_of(settings_.begin(), settings_.end(), [&](const Setting& one) { return one.option.name == name; });
}

bool Settings::given(const std::string& name) const {
  return find(name).origin != "default";
}

bool Settings::flag(const std::string& name) const {
  const Setting& setting = find(name);
  bool value = false;
  if (!setting.values.empty()) parse_truth(setting.values.back(), value);
  return value;
}

std::string Settings::text(const std::string& name) const {
  const Setting& setting = find(name);
  return setting.values.empty() ? std::string() : setting.values.back();
}

const std::vector<std::string>& Settings::texts(const std::string& name) const {
  return find(name).values;
}

std::int64_t Settings::integer(const std::string& name) const {
  std::int64_t value = 0;
  GAZE_CHECK(parse(text(name), value));
  return value;
}

double Settings::real(const std::string& name) const {
  double value = 0;
  GAZE_CHECK(parse(text(name), value));
  return value;
}

}  // namespace gaze::cli
