#include "providers/sse.h"

#include <utility>

#include "base/error.h"
#include "base/message.h"

namespace gaze {

SseParser::SseParser(Handler handler, std::int64_t event_limit)
    : handler_(std::move(handler)), event_limit_(event_limit) {}

void SseParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    line_.append(bytes.substr(0, end));
    if (static_cast<std::int64_t>(line_.size() + event_.data.size()) > event_limit_) {
      throw Error(ErrorCode::limit_exceeded, message("an event of the stream is larger than {} bytes", event_limit_));
    }
    if (end == bytes.npos) return;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line();
  }
}

void SseParser::end_line() {
  std::string line = std::exchange(line_, {});
  if (std::exchange(at_start_, false) && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  if (line.empty()) {
    SseEvent event = std::exchange(event_, {});
    if (std::exchange(has_data_, false)) handler_(event);
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string field = line.substr(0, colon);
  std::string value = colon == line.npos ? std::string() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.erase(0, 1);
  if (field == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  }  // comments (no field name), id and retry mean nothing here
}

}  // namespace gaze
