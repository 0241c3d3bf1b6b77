#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/help.h"
#include "cli/invocation.h"

namespace gaze::cli {
namespace {

int run_completion(Invocation& invocation) {
  const std::string& shell = invocation.arguments[0];
  if (shell != "bash" && shell != "zsh" && shell != "fish") {
    throw Error(ErrorCode::usage, message("no completions for the shell {}", to_valid_utf8(shell)),
                message("bash, zsh and fish have them"));
  }
  const std::string script = completion_script(all_commands(), shell);
  if (invocation.json()) {
    invocation.output.document({{"shell", shell}, {"script", script}});
  } else {
    invocation.output.line(script);
  }
  return 0;
}

}  // namespace

Command completion_command() {
  Command command;
  command.name = "completion";
  command.arguments = "bash|zsh|fish";
  command.summary = message("a script that completes gaze's commands and options in your shell");
  command.words = {"bash", "zsh", "fish"};
  command.examples = {
      {"source <(gaze completion bash)", message("completions in this bash")},
      {"gaze completion fish > ~/.config/fish/completions/gaze.fish", message("completions in every fish")}};
  command.least_arguments = 1;
  command.most_arguments = 1;
  command.run = run_completion;
  return command;
}

}  // namespace gaze::cli
