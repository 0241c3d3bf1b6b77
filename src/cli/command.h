// What a command of `gaze` is made of: a row of data that parsing, help, completions and man pages all read, and the
// function that does the work.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace gaze::cli {

struct Invocation;

inline constexpr std::int64_t kNoUpperLimit = std::int64_t{1} << 53;  // exact in a double

// `--name VALUE`. The same name is GAZE_NAME in the environment and `name` in config.toml.
struct Option {
  enum class Kind { flag, text, integer, real, choice };

  std::string name;
  Kind kind = Kind::flag;
  std::string value;     // what stands for the value in help ("K", "FILE")
  std::string help;      // one line, in the user's language
  std::string fallback;  // the value where nobody set one; empty: none
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  bool repeated = false;      // may be given several times
  bool only_on_line = false;  // makes no sense in a file or the environment (--help)
  bool names_a_file = false;  // completions offer files
};

Option flag(std::string name, std::string help);
Option text(std::string name, std::string value, std::string help, std::string fallback = {});
Option file(std::string name, std::string value, std::string help);
Option integer(std::string name, std::string value, std::string help, std::string fallback, std::int64_t least,
               std::int64_t most = kNoUpperLimit);
Option real(std::string name, std::string value, std::string help, std::string fallback, double least, double most);
Option choice(std::string name, std::vector<std::string> choices, std::string help, std::string fallback);

struct Example {
  std::string line;  // what to type
  std::string what;  // what it does
};

struct Command {
  std::string name;
  std::string arguments;    // the positional ones as help shows them ("IMAGE TEXT…")
  std::string summary;      // one line for the list of commands
  std::string description;  // what else a person should know; may be empty
  std::vector<Option> options;
  std::vector<Example> examples;
  std::vector<std::string> words;  // what completions offer as first argument
  int least_arguments = 0;
  int most_arguments = std::numeric_limits<int>::max();
  int (*run)(Invocation&) = nullptr;  // returns the exit status: 0, or 3 where some inputs failed
};

// Options that every command takes, before or after its name.
std::vector<Option> global_options();

// All commands in the order of help. Only what exists is in it.
std::vector<Command> all_commands();

}  // namespace gaze::cli
