#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/message.h"
#include "base/threads.h"
#include "cli/commands/commands.h"
#include "cli/invocation.h"
#include "cli/terminal.h"

namespace gaze::cli {
namespace {

struct Row {
  std::string name, value, origin, where;
};

std::string joined(const Setting& setting) {
  return fmt::format("{}", fmt::join(setting.values, ", "));
}

// Everything that can be set: the global options, those of each command ("search.top"), the limits, the folders.
std::vector<Row> rows_of(const Invocation& invocation) {
  std::vector<Row> rows;
  for (const Setting& setting : invocation.settings.all()) {
    if (setting.option.only_on_line) continue;
    Row row{setting.option.name, joined(setting), setting.origin, setting.where};
    if (setting.values.empty() && row.name == "threads") row.value = std::to_string(compute_threads());
    if (setting.values.empty() && row.name == "library") row.value = display(invocation.folders.library());
    if (setting.option.kind == Option::Kind::flag && row.value.empty()) row.value = "false";
    rows.push_back(std::move(row));
  }
  const Arguments nothing_typed;
  for (const Command& command : all_commands()) {
    const Settings own = Settings::resolve(command.options, command.name, nothing_typed, invocation.config_file);
    for (const Setting& setting : own.all()) {
      rows.push_back({command.name + "." + setting.option.name, joined(setting), setting.origin, setting.where});
    }
  }
  for (const LimitInForce& limit : limits_in_force(invocation.config_file)) {
    rows.push_back({"limits." + limit.name, std::to_string(limit.value), limit.origin, limit.where});
  }
  return rows;
}

std::string origin_for_people(const Row& row) {
  if (row.origin == "default") return message("default");
  if (row.origin == "command line") return message("command line");
  return row.where;
}

int run_config(Invocation& invocation) {
  const std::vector<Row> rows = rows_of(invocation);
  const Folders& folders = invocation.folders;
  if (invocation.json()) {
    OrderedJson settings = OrderedJson::array();
    for (const Row& row : rows) {
      OrderedJson one{{"name", row.name}, {"value", nullptr}, {"origin", row.origin}, {"where", row.where}};
      if (!row.value.empty()) one["value"] = row.value;
      settings.push_back(one);
    }
    OrderedJson document;
    put_path(document, "file", folders.config_file);
    document["home"] = display(folders.home);
    document["settings"] = settings;
    invocation.output.document(document);
    return 0;
  }
  std::error_code ignored;
  const bool exists = std::filesystem::exists(folders.config_file, ignored);
  invocation.output.line(message("file    {}", display(folders.config_file)) +
                         (exists ? "" : message(" (not there: all defaults)")));
  invocation.output.line(message("models  {}", display(folders.models())));
  invocation.output.line("");
  std::size_t name_width = 0, value_width = 0;
  for (const Row& row : rows) {
    name_width = std::max(name_width, display_width(row.name));
    value_width = std::max(value_width, std::min<std::size_t>(display_width(row.value), 40));
  }
  for (const Row& row : rows) {
    invocation.output.line(padded(row.name, name_width) + "  " +
                           padded(row.value.empty() ? "–" : printable(row.value), value_width) + "  " +
                           origin_for_people(row));
  }
  return 0;
}

}  // namespace

Command config_command() {
  Command command;
  command.name = "config";
  command.summary = message("the settings in force and where each comes from");
  command.description = message(
      "Settings come from the command line, else from the environment (GAZE_…), else from config.toml, else they have "
      "their default. In config.toml a setting stands at the top for every command or in the table of one command, "
      "such as [search]; [limits] says how much of anything is accepted.");
  command.examples = {{"gaze config", message("all settings")},
                      {"GAZE_THREADS=2 gaze config", message("the same, with one set in the environment")}};
  command.most_arguments = 0;
  command.run = run_config;
  return command;
}

}  // namespace gaze::cli
