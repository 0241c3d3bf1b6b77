// Pictures side by side with their names and scores: what `gaze search --sheet` writes.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace gaze {

struct SheetPicture {
  std::filesystem::path path;
  std::optional<double> score;  // written with four decimals
};

// Reads the pictures and draws them in rows under `title`, in their order; one that cannot be read gets a grey tile
// that says so. The PNG appears whole or not at all. At most 1,000 pictures.
// Errors: limit_exceeded, out_of_memory, write_file_atomically's.
void write_contact_sheet(const std::filesystem::path& output, const std::string& title,
                         std::span<const SheetPicture> pictures);

}  // namespace gaze
