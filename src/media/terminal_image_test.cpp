#include "media/terminal_image.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "media/testing.h"

namespace gaze {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TerminalImage, SpeaksKittysProtocol) {
  const Image tiny{2, 1, {1, 2, 3, 4, 5, 6}};
  EXPECT_EQ(terminal_image(tiny, TerminalGraphics::kitty), "\x1b_Ga=T,f=24,q=2,s=2,v=1,m=0;AQIDBAUG\x1b\\");
  const std::string large =
      terminal_image(noise(50, 50), TerminalGraphics::kitty);  // 10,000 characters in three pieces
  EXPECT_THAT(large, HasSubstr("m=1;"));
  EXPECT_THAT(large, HasSubstr("\x1b_Gm=0;"));
  EXPECT_THAT(large, EndsWith("\x1b\\"));
}

TEST(TerminalImage, SpeaksSixel) {
  const std::string text = terminal_image(noise(40, 20), TerminalGraphics::sixel);
  EXPECT_THAT(text, StartsWith("\x1bP"));
  EXPECT_THAT(text, HasSubstr("\"1;1;40;20"));
  EXPECT_THAT(text, EndsWith("\x1b\\"));
  EXPECT_EQ(terminal_image(noise(4, 4), TerminalGraphics::none), "");
}

TEST(TerminalImage, KnowsTerminals) {
  for (const char* name : {"TMUX", "STY", "KITTY_WINDOW_ID", "TERM_PROGRAM"}) ::unsetenv(name);
  ::setenv("TERM", "xterm-256color", 1);
  EXPECT_EQ(terminal_graphics(), TerminalGraphics::none);
  ::setenv("TERM", "xterm-kitty", 1);
  EXPECT_EQ(terminal_graphics(), TerminalGraphics::kitty);
  ::setenv("TMUX", "/tmp/tmux", 1);
  EXPECT_EQ(terminal_graphics(), TerminalGraphics::none);
  ::unsetenv("TMUX");
  ::setenv("TERM", "foot", 1);
  EXPECT_EQ(terminal_graphics(), TerminalGraphics::sixel);
}

}  // namespace
}  // namespace gaze
