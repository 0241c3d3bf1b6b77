#include "cli/command.h"

#include <utility>

#include "base/message.h"
#include "cli/commands/commands.h"

namespace gaze::cli {

Option flag(std::string name, std::string help) {
  Option option;
  option.name = std::move(name);
  option.help = std::move(help);
  return option;
}

Option text(std::string name, std::string value, std::string help, std::string fallback) {
  Option option = flag(std::move(name), std::move(help));
  option.kind = Option::Kind::text;
  option.value = std::move(value);
  option.fallback = std::move(fallback);
  return option;
}

Option file(std::string name, std::string value, std::string help) {
  Option option = text(std::move(name), std::move(value), std::move(help));
  option.names_a_file = true;
  return option;
}

Option integer(std::string name, std::string value, std::string help, std::string fallback, std::int64_t least,
               std::int64_t most) {
  Option option = text(std::move(name), std::move(value), std::move(help), std::move(fallback));
  option.kind = Option::Kind::integer;
  option.least = static_cast<double>(least);
  option.most = static_cast<double>(most);
  return option;
}

Option real(std::string name, std::string value, std::string help, std::string fallback, double least, double most) {
  Option option = text(std::move(name), std::move(value), std::move(help), std::move(fallback));
  option.kind = Option::Kind::real;
  option.least = least;
  option.most = most;
  return option;
}

Option choice(std::string name, std::vector<std::string> choices, std::string help, std::string fallback) {
  Option option = flag(std::move(name), std::move(help));
  option.kind = Option::Kind::choice;
  for (const std::string& word : choices) option.value += (option.value.empty() ? "" : "|") + word;
  option.choices = std::move(choices);
  option.fallback = std::move(fallback);
  return option;
}

std::vector<Option> global_options() {
  std::vector<Option> options{
      flag("json", message("one JSON document on standard output")),
      file("model", "M", message("an installed model, a hub id, or a checkpoint folder")),
      integer("threads", "N", message("threads for computing; default: the cores this process may use"), "", 1, 4096),
      choice("precision", {"auto", "f32", "bf16", "int8"}, message("number type of the matrix products"), "auto"),
      file("library", "FILE", message("the library of indexed pictures; default: library.db in $GAZE_HOME")),
      flag("quiet", message("no notes and no progress")),
      flag("verbose", message("say more on standard error")),
      flag("help", message("this help")),
      flag("version", message("the version of gaze")),
  };
  for (Option& option : options) option.only_on_line = option.name == "help" || option.name == "version";
  return options;
}

std::vector<Command> all_commands() {
  return {index_command(),    search_command(),     library_command(),    match_command(),    tag_command(),
          caption_command(),  ask_command(),        chat_command(),       generate_command(), embed_command(),
          tokenize_command(), preprocess_command(), pull_command(),       models_command(),   doctor_command(),
          bench_command(),    config_command(),     completion_command(), help_command()};
}

}  // namespace gaze::cli
