// Notes for people on standard error. Standard output belongs to results alone.
#pragma once

#include <string>

namespace gaze {

enum class LogLevel { quiet, normal, verbose };

void set_log_level(LogLevel level);
LogLevel log_level();

// Thread-safe; each writes one whole line. `text` is in the user's language already.
void log_warning(const std::string& text);  // unless quiet
void log_note(const std::string& text);     // unless quiet
void log_detail(const std::string& text);   // with --verbose

}  // namespace gaze
