#include "cli/progress.h"

#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/message.h"
#include "cli/terminal.h"

namespace gaze::cli {

Progress::Progress(std::size_t total, std::string what)
    : total_(total), what_(std::move(what)), visible_(is_terminal(STDERR_FILENO) && log_level() != LogLevel::quiet) {}

Progress::~Progress() {
  clear();
}

void Progress::show(std::size_t done, std::size_t total) {
  const Clock::time_point now = Clock::now();
  if (!visible_ || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line;
  if (total > 0) {
    constexpr std::size_t kBar = 20;
    const double share = static_cast<double>(done) / static_cast<double>(total);
    line = fmt::format("▕{}▏ {}/{} {}", padded(bar(share, kBar), kBar), done, total, what_);
    if (rate > 0 && done > 0 && done < total) {
      line += message("  {:.1f}/s, {} left", rate, duration(static_cast<double>(total - done) / rate));
    }
  } else {
    line = fmt::format("{} {}", done, what_);
  }
  line = fitted(line, static_cast<std::size_t>(terminal_width(STDERR_FILENO)) - 1);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

std::string duration(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 60) return message("{} s", whole);
  if (whole < 3600) return message("{} min {} s", whole / 60, whole % 60);
  return message("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace gaze::cli
