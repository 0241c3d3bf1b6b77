#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "cli/help.h"

namespace gaze::cli {
namespace {

std::string option_words(const Command& command) {
  std::string words;
  for (const auto& options : {command.options, global_options()}) {
    for (const Option& option : options) words += (words.empty() ? "--" : " --") + option.name;
  }
  return words;
}

std::string bash(const std::vector<Command>& commands) {
  std::string names, cases, values;
  for (const Command& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    cases += fmt::format("    {}) options=\"{}\"; words=\"{}\" ;;\n", command.name, option_words(command),
                         fmt::join(command.words, " "));
  }
  std::vector<std::string> seen;
  for (const Command& command : commands) {
    for (const auto& options : {command.options, global_options()}) {
      for (const Option& option : options) {
        if (option.choices.empty() || std::find(seen.begin(), seen.end(), option.name) != seen.end()) continue;
        seen.push_back(option.name);
        values += fmt::format("    --{}) COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return ;;\n", option.name,
                              fmt::join(option.choices, " "));
      }
    }
  }
  return fmt::format(R"(# bash completion for gaze
_gaze() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" command="" options="" words="" word
  case "$previous" in
{}  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case " {} " in *" $word "*) command="$word"; break ;; esac
  done
  case "$command" in
    "") words="{}" ;;
{}  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current"))
       [ -n "$command" ] && COMPREPLY+=($(compgen -f -- "$current")) ;;
  esac
}}
complete -o filenames -F _gaze gaze)",
                     values, names, names, cases);
}

// Text inside single quotes and brackets of zsh's _arguments.
std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
    } else if (c == '[' || c == ']' || c == ':') {
      escaped += std::string("\\") + c;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string zsh_option(const Option& option) {
  std::string line = fmt::format("'{}--{}[{}]", option.repeated ? "*" : "", option.name, zsh_text(option.help));
  if (!option.value.empty()) {
    line += ":" + zsh_text(option.value) + ":";
    if (option.names_a_file) line += "_files";
    if (!option.choices.empty()) line += fmt::format("({})", fmt::join(option.choices, " "));
  }
  return line + "'";
}

std::string zsh(const std::vector<Command>& commands) {
  std::string names, cases;
  for (const Command& command : commands) {
    names += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.summary));
    cases += fmt::format("    {})\n      _arguments", command.name);
    for (const auto& options : {command.options, global_options()}) {
      for (const Option& option : options) cases += " \\\n        " + zsh_option(option);
    }
    if (!command.words.empty()) cases += fmt::format(" \\\n        '1::({})'", fmt::join(command.words, " "));
    cases += " \\\n        '*::_files' ;;\n";
  }
  return fmt::format(R"(#compdef gaze
_gaze() {{
  local -a commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
{}  esac
}}
_gaze "$@")",
                     names, cases);
}

std::string fish_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return "'" + escaped + "'";
}

std::string fish_option(const std::string& condition, const Option& option) {
  std::string line = fmt::format("complete -c gaze {}-l {} -d {}", condition, option.name, fish_text(option.help));
  if (option.value.empty()) return line + "\n";
  line += option.names_a_file ? " -r -F" : " -x";
  if (!option.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  return line + "\n";
}

std::string fish(const std::vector<Command>& commands) {
  std::string text = "# fish completion for gaze\n";
  for (const Option& option : global_options()) text += fish_option("", option);
  for (const Command& command : commands) {
    text += fmt::format("complete -c gaze -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                        fish_text(command.summary));
    const std::string condition = fmt::format("-n '__fish_seen_subcommand_from {}' ", command.name);
    for (const Option& option : command.options) text += fish_option(condition, option);
    if (!command.words.empty()) {
      text += fmt::format("complete -c gaze {}-a '{}'\n", condition, fmt::join(command.words, " "));
    }
  }
  text.pop_back();
  return text;
}

}  // namespace

std::string completion_script(const std::vector<Command>& commands, const std::string& shell) {
  if (shell == "bash") return bash(commands);
  if (shell == "zsh") return zsh(commands);
  GAZE_CHECK(shell == "fish");
  return fish(commands);
}

}  // namespace gaze::cli
