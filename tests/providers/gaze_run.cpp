#include "gaze_run.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"

namespace gaze {
namespace {

constexpr int kLongest = 60'000;  // milliseconds that a run may take

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

int status_of(int process) {
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

GazeHome::GazeHome() {
  std::string name = (std::filesystem::temp_directory_path() / "gaze-home-XXXXXX").string();
  GAZE_CHECK(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

GazeHome::~GazeHome() {
  std::filesystem::remove_all(folder_);
}

std::vector<std::string> GazeHome::full_environment() const {
  std::map<std::string, std::string> all{{"PATH", std::getenv("PATH")},
                                         {"HOME", folder_.string()},
                                         {"XDG_CONFIG_HOME", path("config").string()},
                                         {"XDG_DATA_HOME", path("data").string()},
                                         {"XDG_CACHE_HOME", path("cache").string()},
                                         {"LANG", "C.UTF-8"},
                                         {"TERM", "xterm"},
                                         {"OMP_WAIT_POLICY", "passive"}};
  for (const auto& [name, value] : environment) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

GazeRun GazeHome::run(const std::vector<std::string>& arguments, const std::string& input,
                      const std::function<void(int process, const std::string& out)>& while_running) const {
  int in[2], out[2], err[2];
  GAZE_CHECK(::pipe2(in, O_CLOEXEC) == 0 && ::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0);
  std::vector<std::string> line{GAZE_BINARY_DIR "/gaze"}, variables = full_environment();
  line.insert(line.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers(line), envp = pointers(variables);
  const int process = ::fork();
  GAZE_CHECK(process >= 0);
  if (process == 0) {
    ::dup2(in[0], 0), ::dup2(out[1], 1), ::dup2(err[1], 2);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(in[0]), ::close(out[1]), ::close(err[1]);
  GAZE_CHECK(::write(in[1], input.data(), input.size()) ==
             static_cast<ssize_t>(input.size()));  // less than a pipe takes
  ::close(in[1]);

  GazeRun result;
  pollfd ends[] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  char buffer[65536];
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (::poll(ends, 2, kLongest) <= 0) {
      ::kill(process, SIGKILL);
      result.err += "\n(killed: not a byte for a minute)";
    }
    for (int i = 0; i < 2; ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      const ssize_t got = ::read(ends[i].fd, buffer, sizeof(buffer));
      if (got <= 0) {
        ::close(ends[i].fd);
        ends[i].fd = -1;
        continue;
      }
      (i == 0 ? result.out : result.err).append(buffer, static_cast<std::size_t>(got));
      if (i == 0 && while_running) while_running(process, result.out);
    }
  }
  result.status = status_of(process);
  return result;
}

GazeRun GazeHome::run_on_terminal(const std::vector<std::string>& arguments,
                                  const std::function<std::string(const std::string& screen)>& talk) const {
  std::vector<std::string> line{GAZE_BINARY_DIR "/gaze"}, variables = full_environment();
  line.insert(line.end(), arguments.begin(), arguments.end());
  const std::vector<char*> argv = pointers(line), envp = pointers(variables);
  winsize size{};
  size.ws_col = 100, size.ws_row = 30;
  int terminal = -1;
  const int process = ::forkpty(&terminal, nullptr, nullptr, &size);
  GAZE_CHECK(process >= 0);
  if (process == 0) {
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  GazeRun result;
  char buffer[65536];
  const auto start = std::chrono::steady_clock::now();
  while (true) {
    pollfd end{terminal, POLLIN, 0};
    if (::poll(&end, 1, 20) > 0) {
      const ssize_t got = ::read(terminal, buffer, sizeof(buffer));
      if (got <= 0) break;  // EIO: the program has ended
      result.out.append(buffer, static_cast<std::size_t>(got));
    }
    if (const std::string typed = talk(result.out); !typed.empty()) {
      GAZE_CHECK(::write(terminal, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
    }
    if (std::chrono::steady_clock::now() - start > std::chrono::milliseconds(kLongest)) {
      ::kill(process, SIGKILL);
      result.out += "\n(killed: took more than a minute)";
      break;
    }
  }
  ::close(terminal);
  result.status = status_of(process);
  return result;
}

std::string GazeHome::everything_written() const {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
    all += entry.path().string() + '\n';
    if (entry.is_regular_file()) all += read_text_file(entry.path(), std::int64_t{1} << 30);
  }
  return all;
}

}  // namespace gaze
