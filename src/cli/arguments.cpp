#include "cli/arguments.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"

namespace gaze::cli {
namespace {

[[noreturn]] void throw_usage(std::string text, const std::string& command) {
  throw Error(ErrorCode::usage, std::move(text),
              command.empty() ? message("see: gaze --help") : message("see: gaze {} --help", command));
}

// Edits (insert, delete, replace) from one word to the other.
std::size_t distance(const std::string& from, const std::string& to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] != to[j - 1]);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

// The word a person probably meant, or nothing where none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t least = 3;
  for (const std::string& candidate : known) {
    const std::size_t edits = distance(word.substr(0, 64), candidate);
    if (edits < std::min(least, candidate.size())) least = edits, best = candidate;
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known, const std::string& dashes) {
  const std::string near = nearest(word, known);
  return near.empty() ? std::string() : message("; did you mean {}?", dashes + near);
}

// CLI11 tells options, values and the rest apart. Each command is parsed as an app of its own: with CLI11's
// subcommands a text such as "++" or the name of another command would not stay a text.
class Parser : public CLI::App {
 public:
  explicit Parser(std::vector<Option> options) : options_(std::move(options)) {
    set_help_flag();
    allow_extras();
    for (const Option& option : options_) {
      const std::string names = "--" + option.name + (option.name == "help" ? ",-h" : "");
      if (option.kind == Option::Kind::flag) {
        add_flag(names)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      } else {
        add_option(names)->expected(1)->allow_extra_args(false)->multi_option_policy(
            option.repeated ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
      }
    }
  }

  // Puts the options of `line` into `into`. With prefix_command() it stops at the first word that is none.
  void read(std::span<const std::string> line, Arguments& into, const std::string& command) {
    std::vector<std::string> reversed(line.rbegin(), line.rend());
    try {
      parse(reversed);
    } catch (const CLI::ArgumentMismatch& error) {
      throw_usage(missing_value(line), command);
    } catch (const CLI::ParseError& error) {
      throw_usage(to_valid_utf8(error.what()), command);
    }
    for (const Option& option : options_) {
      const CLI::Option* found = get_option("--" + option.name);
      if (found->count() == 0) continue;
      std::vector<std::string> values = found->results();
      if (!option.repeated) values.erase(values.begin(), values.end() - 1);
      into.options[option.name] = std::move(values);
    }
  }

  // What no option took: (looks like an option, word).
  std::vector<std::pair<bool, std::string>> rest() const {
    std::vector<std::pair<bool, std::string>> words;
    for (const auto& [kind, word] : missing_) {
      if (kind == CLI::detail::Classifier::POSITIONAL_MARK) continue;
      words.emplace_back(kind != CLI::detail::Classifier::NONE, word);
    }
    return words;
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Option& option : options_) all.push_back(option.name);
    return all;
  }

 private:
  // The last word of the line is an option that still waits for its value.
  static std::string missing_value(std::span<const std::string> line) {
    return message("{} needs a value", to_valid_utf8(line.empty() ? std::string() : line.back()));
  }

  std::vector<Option> options_;
};

// CLI11 takes the next word as the value of `--name=`; an empty text is a value.
std::vector<std::string> with_separate_values(std::span<const std::string> line) {
  std::vector<std::string> words;
  bool options = true;
  for (const std::string& word : line) {
    options = options && word != "--";
    if (options && word.starts_with("--") && word.size() > 3 && word.ends_with('=')) {
      words.push_back(word.substr(0, word.size() - 1));
      words.emplace_back();
    } else {
      words.push_back(word);
    }
  }
  return words;
}

[[noreturn]] void throw_unknown_option(const std::string& word, const std::vector<std::string>& known,
                                       const std::string& command) {
  const std::string name = word.substr(word.find_first_not_of('-'), word.find('=') - word.find_first_not_of('-'));
  throw_usage(message("unknown option {}{}", to_valid_utf8(word), did_you_mean(name, known, "--")), command);
}

}  // namespace

Arguments parse_arguments(std::span<const std::string> line) {
  const std::vector<std::string> words = with_separate_values(line);
  Arguments arguments;

  // First the global options up to the command's name ...
  Parser front(global_options());
  front.prefix_command();
  front.read(words, arguments, "");
  const auto rest = front.rest();
  if (rest.empty()) return arguments;
  if (rest[0].first) throw_unknown_option(rest[0].second, front.names(), "");

  const std::string name = rest[0].second;
  std::vector<std::string> known;
  for (Command& command : all_commands()) {
    known.push_back(command.name);
    if (command.name == name) arguments.command = std::move(command);
  }
  if (!arguments.command) {
    throw_usage(message("there is no command {}{}", to_valid_utf8(name), did_you_mean(name, known, "")), "");
  }

  // ... then the command's own and the global ones among its arguments.
  std::vector<Option> options = arguments.command->options;
  for (Option& option : global_options()) options.push_back(std::move(option));
  std::vector<std::string> after_name;
  for (std::size_t i = 1; i < rest.size(); ++i) after_name.push_back(rest[i].second);
  Parser back(std::move(options));
  back.read(after_name, arguments, name);
  for (auto& [is_option, word] : back.rest()) {
    if (is_option) throw_unknown_option(word, back.names(), name);
    arguments.positional.push_back(std::move(word));
  }
  return arguments;
}

bool asks_for_json(std::span<const std::string> line) {
  for (const std::string& word : line) {
    if (word == "--") return false;
    if (word == "--json") return true;
  }
  return false;
}

}  // namespace gaze::cli
