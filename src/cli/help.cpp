#include "cli/help.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/message.h"
#include "cli/terminal.h"

namespace gaze::cli {
namespace {

constexpr std::size_t kColumns = 88;
constexpr std::size_t kIndent = 2;

// `text` in lines of at most kColumns, each after the first indented. English breaks at spaces, Chinese anywhere.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80;
    // A word of ASCII with the space after it, or one other character with the bytes that continue it.
    while (end < text.size() && (ascii ? text[end - 1] != ' ' && static_cast<unsigned char>(text[end]) < 0x80
                                       : (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)) {
      ++end;
    }
    const std::string_view word = text.substr(at, end - at);
    const std::string_view bare = word.ends_with(' ') ? word.substr(0, word.size() - 1) : word;
    if (column + display_width(bare) > kColumns && column > indent) {
      while (lines.ends_with(' ')) lines.pop_back();
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    }
    lines += word;
    column += display_width(word);
    at = end;
  }
  return lines;
}

std::string left_side(const Option& option) {
  return "--" + option.name + (option.value.empty() ? "" : " " + option.value) + (option.repeated ? " …" : "");
}

std::string right_side(const Option& option) {
  return option.help + (option.fallback.empty() ? "" : message(" (default: {})", option.fallback));
}

// Two columns: what to type, what it does.
std::string table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [left, right] : rows) width = std::max(width, display_width(left));
  width = std::min<std::size_t>(width, 26);
  std::string lines;
  for (const auto& [left, right] : rows) {
    lines += std::string(kIndent, ' ') + padded(left, width);
    const std::size_t start = kIndent + width + 2;
    lines += display_width(left) > width ? '\n' + std::string(start, ' ') : "  ";
    lines += wrapped(right, start) + '\n';
  }
  return lines;
}

std::string table(const std::vector<Option>& options) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Option& option : options) rows.emplace_back(left_side(option), right_side(option));
  return table(rows);
}

std::string examples(const std::vector<Example>& all) {
  std::string lines;
  for (const Example& example : all) lines += "  " + example.line + "\n      " + wrapped(example.what, 6) + '\n';
  return lines;
}

std::string usage_line(const Command& command) {
  return "gaze " + command.name + (command.arguments.empty() ? "" : " " + command.arguments);
}

std::string without_last_newline(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string exit_status() {
  return message(
      "Exit status: 0 done, 1 failed, 2 wrong usage, 3 some inputs failed and the others were done, "
      "130 interrupted.");
}

std::string about_settings() {
  return message(
      "Every option can also be set in the environment (--top as GAZE_TOP) and in config.toml; "
      "`gaze config` shows the values in force and where each comes from.");
}

}  // namespace

std::string version_line() {
  return "gaze " GAZE_VERSION;
}

std::string general_help(const std::vector<Command>& commands) {
  std::string text = message(
      "gaze looks at pictures: it matches them with words and finds them in folders. Everything "
      "runs on this machine.");
  text = wrapped(text, 0) + "\n\n" + message("Usage: {}", "gaze COMMAND …") + "\n\n" + message("Commands:") + '\n';
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : commands) rows.emplace_back(command.name, command.summary);
  text += table(rows) + '\n' + message("Options of every command, before or after its name:") + '\n';
  text += table(global_options()) + '\n' + wrapped(about_settings(), 0) + "\n\n" + wrapped(exit_status(), 0) + "\n\n";
  std::vector<Example> first;
  for (const Command& command : commands) {
    if (!command.examples.empty() && first.size() < 4) first.push_back(command.examples[0]);
  }
  text += message("Examples:") + '\n' + examples(first) + '\n';
  return text + message("`gaze COMMAND --help` tells more about each.");
}

std::string command_help(const Command& command) {
  std::string text = wrapped(command.summary, 0) + "\n\n" + message("Usage: {}", usage_line(command)) + "\n\n";
  if (!command.description.empty()) text += wrapped(command.description, 0) + "\n\n";
  if (!command.options.empty()) text += message("Options:") + '\n' + table(command.options) + '\n';
  text += message("Options of every command:") + '\n' + table(global_options());
  if (!command.examples.empty()) text += '\n' + message("Examples:") + '\n' + examples(command.examples);
  return without_last_newline(text);
}

namespace {

std::string troff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n')) {
      escaped += std::string("\\&") + c;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string troff_options(const std::vector<Option>& options) {
  std::string text;
  for (const Option& option : options) {
    text += ".TP\n\\fB" + troff("--" + option.name) + "\\fR" +
            (option.value.empty() ? "" : " \\fI" + troff(option.value) + "\\fR") + '\n' + troff(right_side(option)) +
            '\n';
  }
  return text;
}

}  // namespace

std::string man_page(const std::vector<Command>& commands) {
  std::string text = ".TH GAZE 1 \"\" \"" + troff(version_line()) + "\"\n";
  text +=
      ".SH " + message("NAME") + "\ngaze \\- " + message("match and find pictures with words, on this machine") + '\n';
  text += ".SH " + message("SYNOPSIS") + "\n.B gaze\nCOMMAND \\&...\n";
  text += ".SH " + message("COMMANDS") + '\n';
  for (const Command& command : commands) {
    text += ".SS \"" + troff(usage_line(command)) + "\"\n" + troff(command.summary) + '\n';
    if (!command.description.empty()) text += ".PP\n" + troff(command.description) + '\n';
    text += troff_options(command.options);
    for (const Example& example : command.examples) {
      text += ".PP\n" + troff(example.what) + "\n.RS\n.nf\n" + troff(example.line) + "\n.fi\n.RE\n";
    }
  }
  text += ".SH " + message("OPTIONS OF EVERY COMMAND") + '\n' + troff_options(global_options());
  text += ".SH " + message("SETTINGS") + '\n' + troff(about_settings()) + '\n';
  text += ".SH " + message("EXIT STATUS") + '\n' + troff(exit_status()) + '\n';
  return without_last_newline(text);
}

}  // namespace gaze::cli
