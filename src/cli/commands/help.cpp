#include "cli/help.h"

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/invocation.h"

namespace gaze::cli {
namespace {

int run_help(Invocation& invocation) {
  const std::vector<Command> commands = all_commands();
  std::string text;
  if (invocation.settings.flag("man")) {
    text = man_page(commands);
  } else if (invocation.arguments.empty()) {
    text = general_help(commands);
  } else {
    for (const Command& command : commands) {
      if (command.name == invocation.arguments[0]) text = command_help(command);
    }
    if (text.empty()) {
      throw Error(ErrorCode::usage, message("there is no command {}{}", to_valid_utf8(invocation.arguments[0]), ""),
                  message("see: gaze --help"));
    }
  }
  if (invocation.json()) {
    invocation.output.document({{"text", text}});
  } else {
    invocation.output.line(text);
  }
  return 0;
}

}  // namespace

Command help_command() {
  Command command;
  command.name = "help";
  command.arguments = "[COMMAND]";
  command.summary = message("help for a command, or the manual page");
  command.options = {flag("man", message("the whole manual as a page for man"))};
  command.examples = {{"gaze help config", message("what `gaze config` does")},
                      {"gaze help --man | man -l -", message("the manual page")}};
  for (const char* word : {"doctor", "config", "completion"}) command.words.emplace_back(word);
  command.most_arguments = 1;
  command.run = run_help;
  return command;
}

}  // namespace gaze::cli
