// Found pictures for people's eyes: one PNG of all, or inside the terminal.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "tasks/search_pictures.h"

namespace gaze {

// The hits side by side with their names and scores under `title`. Errors: write_contact_sheet's.
void write_hit_sheet(const std::filesystem::path& output, const std::string& title, std::span<const FoundResult> hits);

// Whether the terminal of this process can show pictures; its environment tells.
bool terminal_shows_pictures();

// Bytes that draw the picture where the cursor stands. Errors: the picture's.
std::string terminal_picture(const std::filesystem::path& picture);

}  // namespace gaze
