#include "tasks/show_hits.h"

#include <vector>

#include "media/contact_sheet.h"
#include "media/terminal_image.h"

namespace gaze {

void write_hit_sheet(const std::filesystem::path& output, const std::string& title, std::span<const FoundResult> hits) {
  std::vector<SheetPicture> pictures;
  for (const FoundResult& found : hits) pictures.push_back({found.path, found.score});
  write_contact_sheet(output, title, pictures);
}

bool terminal_shows_pictures() {
  return terminal_graphics() != TerminalGraphics::none;
}

std::string terminal_picture(const std::filesystem::path& picture) {
  return terminal_image(load_image(picture), terminal_graphics());
}

}  // namespace gaze
