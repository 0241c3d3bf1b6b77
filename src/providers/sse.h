// Server-sent events (WHATWG HTML, 9.2.6 "Interpreting an event stream"), fed in pieces of any size.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace gaze {

struct SseEvent {
  std::string type;  // empty where the stream named none
  std::string data;
};

// Lines end with LF, CR or CRLF; a piece may end anywhere, also inside a character or between CR and LF. What stands
// after the last blank line when the stream ends is no event. Not thread-safe.
class SseParser {
 public:
  using Handler = std::function<void(const SseEvent&)>;
  explicit SseParser(Handler handler, std::int64_t event_limit = 64 * MiB);

  // Calls the handler for every event that became whole. Errors: limit_exceeded (an event larger than the limit), and
  // whatever the handler throws.
  void feed(std::string_view bytes);

 private:
  void end_line();

  Handler handler_;
  std::int64_t event_limit_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;  // a byte order mark may stand before the first line
};

}  // namespace gaze
