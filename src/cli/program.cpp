#include "cli/program.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "base/threads.h"
#include "cli/arguments.h"
#include "cli/help.h"
#include "cli/invocation.h"
#include "tasks/remote_access.h"

namespace gaze::cli {
namespace {

int status_of(ErrorCode code) {
  if (code == ErrorCode::usage) return 2;
  return code == ErrorCode::cancelled ? 130 : 1;
}

int report(const Error& error, bool json) {
  if (json) {
    Output output(true);
    output.document(error_document(error));
    output.flush();
  } else {
    std::string text = "gaze: " + error.message();
    if (!error.hint().empty()) text += "\n  " + error.hint();
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  return status_of(error.code());
}

// Names in config.toml that nothing reads are told, not passed over: they are typing errors.
void warn_of_unknown_entries(const ConfigFile& file, const std::vector<Command>& commands) {
  const auto names = [](const std::vector<Option>& options, std::string name) {
    for (char& c : name) c = c == '_' ? '-' : c;
    for (const Option& option : options) {
      if (!option.only_on_line && option.name == name) return true;
    }
    return false;
  };
  const std::vector<Option> global = global_options();
  for (const ConfigEntry& entry : file.entries()) {
    bool known = entry.table == "limits" || (entry.table.empty() && names(global, entry.name));
    for (const Command& command : commands) {
      if (!entry.table.empty() && command.name != entry.table) continue;
      known = known || names(command.options, entry.name) || (!entry.table.empty() && names(global, entry.name));
    }
    if (!known) log_warning(message("{}: nothing is called {} here", file.place(entry), entry.name));
  }
}

void put_in_force(const Settings& settings, const ConfigFile& file) {
  set_log_level(settings.flag("quiet")     ? LogLevel::quiet
                : settings.flag("verbose") ? LogLevel::verbose
                                           : LogLevel::normal);
  if (settings.given("threads")) set_compute_threads(static_cast<int>(settings.integer("threads")));
  apply_limits(file);
}

void check_count(const Command& command, std::size_t count) {
  const std::string how = "gaze " + command.name + (command.arguments.empty() ? "" : " " + command.arguments);
  if (count < static_cast<std::size_t>(command.least_arguments)) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", command.name, how),
                message("see: gaze {} --help", command.name));
  }
  if (count > static_cast<std::size_t>(command.most_arguments)) {
    throw Error(ErrorCode::usage, message("{} takes no more than: {}", command.name, how),
                message("see: gaze {} --help", command.name));
  }
}

int run(std::span<const std::string> line, const CancelToken& cancel, bool& json) {
  const Arguments arguments = parse_arguments(line);
  Output text_output(false);
  if (arguments.has("help")) {
    text_output.line(arguments.command ? command_help(*arguments.command) : general_help(all_commands()));
    text_output.finish();
    return 0;
  }

  const Folders folders = folders_of_environment();
  const ConfigFile file = ConfigFile::load(folders.config_file);
  const std::string name = arguments.command ? arguments.command->name : "";
  std::vector<Option> options = global_options();
  if (arguments.command) {
    options.insert(options.end(), arguments.command->options.begin(), arguments.command->options.end());
  }
  const Settings settings = Settings::resolve(options, name, arguments, file);
  json = settings.flag("json");
  Output output(json);

  if (arguments.has("version")) {
    if (json) {
      output.document({{"version", GAZE_VERSION}});
    } else {
      output.line(version_line());
    }
    output.finish();
    return 0;
  }
  if (!arguments.command) {
    throw Error(ErrorCode::usage, message("no command is given"), message("see: gaze --help"));
  }

  put_in_force(settings, file);
  warn_of_unknown_entries(file, all_commands());
  check_count(*arguments.command, arguments.positional.size());
  Invocation invocation{*arguments.command, arguments.positional, settings, file, folders, output, cancel};
  const int status = arguments.command->run(invocation);
  output.finish();
  return status;
}

}  // namespace

int run_program(std::span<const std::string> line, const CancelToken& cancel) {
  const char* wanted = std::getenv("GAZE_JSON");
  bool json = asks_for_json(line) || (wanted && std::string_view(wanted) == "1");
  try {
    const RemoteModelAhead ahead(line);
    return run(line, cancel, json);
  } catch (const Error& error) {
    return report(error, json);
  } catch (const std::bad_alloc&) {
    return report(Error(ErrorCode::out_of_memory, message("there is not enough memory"),
                        message("close other programs, or take a smaller model or a smaller --batch")),
                  json);
  } catch (const std::exception& error) {
    return report(Error(ErrorCode::internal, message("this is a bug in gaze: {}", to_valid_utf8(error.what())),
                        message("please report it with the command line that led here")),
                  json);
  }
}

}  // namespace gaze::cli
