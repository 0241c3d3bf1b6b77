// Texts with their probabilities as people see them: a line each, with a bar.
#pragma once

#include <span>
#include <string>

#include "cli/output.h"

namespace gaze::cli {

struct Share {
  std::string text;
  double probability = 0;
};

// In the order given, cut to the terminal's width.
void print_shares(Output& output, std::span<const Share> shares);

}  // namespace gaze::cli
