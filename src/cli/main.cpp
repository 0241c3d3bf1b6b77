// The program `gaze`.
#include <csignal>
#include <string>
#include <vector>

#include <unistd.h>

#include "base/cancel.h"
#include "cli/program.h"

namespace {

gaze::CancelToken interrupted;

// The first Ctrl-C asks the work to stop; a second one does not wait for it.
extern "C" void on_interrupt(int) {
  if (interrupted.cancelled()) ::_exit(130);
  interrupted.cancel();
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left shows as a failed write
  std::signal(SIGXFSZ, SIG_IGN);  // as does a file that may not grow (ulimit -f)

  const std::vector<std::string> line(argv + (argc > 0 ? 1 : 0), argv + argc);
  return gaze::cli::run_program(line, interrupted);
}
