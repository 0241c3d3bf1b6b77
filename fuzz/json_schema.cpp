// A schema of any bytes: an automaton whose shortest text is JSON, or an Error.
#include "generate/json_schema.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    gaze::parse_json(text, "input");  // for its limits
    gaze::ByteAutomaton automaton = gaze::automaton_of_schema(gaze::OrderedJson::parse(text));
    std::string answer;
    for (std::int32_t state = automaton.begin(); !automaton.accepts(state);) {
      int byte = 0;
      std::int32_t next = gaze::ByteAutomaton::kDead;
      for (; byte < 256; ++byte) {  // the first that comes nearer to the end
        next = automaton.next(state, static_cast<unsigned char>(byte));
        if (next != gaze::ByteAutomaton::kDead && automaton.shortest(next) < automaton.shortest(state)) break;
      }
      if (byte == 256) std::abort();
      answer += static_cast<char>(byte);
      state = next;
    }
    if (!gaze::Json::accept(answer)) std::abort();
  } catch (const gaze::Error&) {
  }
  return 0;
}
