#include "cli/shares.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/terminal.h"

namespace gaze::cli {

void print_shares(Output& output, std::span<const Share> shares) {
  constexpr std::size_t kBar = 24;
  const auto columns = static_cast<std::size_t>(std::max(40, terminal_width(STDOUT_FILENO)));
  std::size_t width = 0;
  for (const Share& share : shares) width = std::max(width, display_width(printable(share.text)));
  width = std::min(width, columns - kBar - 10);
  for (const Share& share : shares) {
    const std::string drawn = bar(share.probability, kBar);
    output.line(fmt::format("{}  {:.4f}{}{}", padded(fitted(printable(share.text), width), width), share.probability,
                            drawn.empty() ? "" : "  ", drawn));
  }
}

}  // namespace gaze::cli
