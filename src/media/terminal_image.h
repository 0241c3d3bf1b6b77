// Pictures inside a terminal that can show them.
#pragma once

#include <string>

#include "media/image.h"

namespace gaze {

enum class TerminalGraphics { none, kitty, sixel };

// By the environment (TERM, TERM_PROGRAM, KITTY_WINDOW_ID …) of the terminals known to have one of the two protocols;
// `none` for every other and inside tmux and screen, which pass neither on.
TerminalGraphics terminal_graphics();

// Bytes that draw the picture where the cursor stands; write them to the terminal as they are. Empty for `none`.
// Errors: out_of_memory.
std::string terminal_image(const Image& image, TerminalGraphics graphics);

}  // namespace gaze
