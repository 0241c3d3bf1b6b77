#include "text/stop_text.h"

#include <gtest/gtest.h>

namespace gaze {
namespace {

struct Case {
  std::vector<std::string> stops;
  std::string text, kept;
};

// However the text is cut into pieces, the same comes out, and never a byte of a stop.
TEST(StopText, EndsBeforeTheFirstStopHoweverTheTextComes) {
  const Case cases[] = {
      {{}, "anything", "anything"},
      {{"\n"}, "one line\nanother", "one line"},
      {{"USER:", "USA"}, "the USB USER: and", "the USB "},
      {{"aab"}, "aaaab", "aa"},
      {{"aab"}, "aaaaa", "aaaaa"},
      {{"abcd", "bc"}, "xabce", "xa"},
      {{"。"}, "一只猫。一只狗。", "一只猫"},
      {{"猫狗"}, "一只猫和狗", "一只猫和狗"},
      {{"x"}, "x", ""},
      {{"end"}, "at the en", "at the en"},
  };
  for (const Case& each : cases) {
    for (std::size_t piece = 1; piece <= each.text.size(); ++piece) {
      StopText text(each.stops);
      std::string came;
      for (std::size_t at = 0; at < each.text.size(); at += piece) {
        came += text.push(std::string_view(each.text).substr(at, piece));
        EXPECT_TRUE(each.kept.starts_with(came)) << came;
      }
      came += text.finish();
      EXPECT_EQ(came, each.kept) << piece;
      EXPECT_EQ(text.stopped(), each.kept != each.text);
    }
  }
}

}  // namespace
}  // namespace gaze
