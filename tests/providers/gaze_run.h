// The program itself, run by a test as a person would run it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"

namespace gaze {

struct GazeRun {
  int status = -1;
  std::string out, err;

  Json json() const { return Json::parse(out); }
  std::string error_code() const { return json().at("error").at("code"); }
};

// A home of its own in a temporary folder: settings, models, library and caches of nobody else. Not thread-safe.
class GazeHome {
 public:
  GazeHome();
  ~GazeHome();

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  std::map<std::string, std::string> environment;  // beside HOME, XDG_…, GAZE_HOME, PATH and LANG

  // `while_running`: called with the process's id after each piece of standard output.
  GazeRun run(const std::vector<std::string>& arguments, const std::string& input = {},
              const std::function<void(int process, const std::string& out)>& while_running = {}) const;

  // On a terminal of its own: `talk` gets what the screen shows so far and returns what is typed next ("" nothing yet).
  // Ends when the program does. Everything shown is in `out`.
  GazeRun run_on_terminal(const std::vector<std::string>& arguments,
                          const std::function<std::string(const std::string& screen)>& talk) const;

  // Every file below the home, its bytes after each other: nothing secret may be in there.
  std::string everything_written() const;

 private:
  std::vector<std::string> full_environment() const;

  std::filesystem::path folder_;
};

}  // namespace gaze
