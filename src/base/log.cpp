#include "base/log.h"

#include <atomic>
#include <cstdio>

#include "base/message.h"

namespace gaze {
namespace {

std::atomic<LogLevel> current{LogLevel::normal};

// One fwrite a line: stderr is locked for it, so lines of several threads do not mix.
void write_line(const std::string& text) {
  const std::string line = text + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

void set_log_level(LogLevel level) {
  current = level;
}
LogLevel log_level() {
  return current;
}

void log_warning(const std::string& text) {
  if (log_level() != LogLevel::quiet) write_line(message("warning: {}", text));
}
void log_note(const std::string& text) {
  if (log_level() != LogLevel::quiet) write_line(text);
}
void log_detail(const std::string& text) {
  if (log_level() == LogLevel::verbose) write_line(text);
}

}  // namespace gaze
