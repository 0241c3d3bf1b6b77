// Assertions against our own bugs. Nothing that comes from a file, the network or a user may reach one.
#pragma once

namespace gaze {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace gaze

// On in every build type: a wrong answer is worse than a stop.
#define GAZE_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::gaze::check_failed(#condition, __FILE__, __LINE__))
