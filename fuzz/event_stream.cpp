// An event stream cut anywhere gives the same events as in one piece, and what they hold parses or is refused; the
// answers' parsers take whatever JSON comes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "providers/gemini_content.h"
#include "providers/openai_chat.h"
#include "providers/openai_responses.h"
#include "providers/sse.h"

namespace {

std::vector<std::string> events_of(std::string_view stream, std::size_t piece) {
  std::vector<std::string> events;
  gaze::SseParser parser([&](const gaze::SseEvent& event) { events.push_back(event.type + '\n' + event.data); });
  for (std::size_t i = 0; i < stream.size(); i += piece) parser.feed(stream.substr(i, piece));
  return events;
}

template <class Action>
void tolerate(const Action& action) {
  try {
    action();
  } catch (const gaze::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const auto whole = events_of(stream, size + 1);
  if (events_of(stream, 1) != whole || events_of(stream, 3) != whole) std::abort();

  gaze::OpenAiChatStream chat({});
  gaze::OpenAiResponsesStream responses("test", {});
  gaze::GeminiStream gemini("test", {});
  for (const std::string& event : whole) {
    tolerate([&] {
      const gaze::Json json = gaze::parse_json(event.substr(event.find('\n') + 1), "test");
      tolerate([&] { chat.add(json); });
      tolerate([&] { responses.add(json); });
      tolerate([&] { gemini.add(json); });
      tolerate([&] { gaze::parse_openai_chat(json, "test"); });
    });
  }
  return 0;
}
