// Names that a hub gives for files: hostile until checked.
#pragma once

#include <string>

namespace gaze {

// `name` as it may be written below a model's folder: one or more plain components joined by '/'.
// Errors: bad_weights for empty names and components, '.' and '..', absolute paths, drive letters and other colons,
// backslashes, control characters, ill-formed UTF-8, text that changes its direction, components that end in a dot or
// a space or are longer than 255 bytes, names longer than 1,024 bytes or deeper than 16, device names of other systems
// (CON, NUL, COM1 …), and what Gaze itself keeps in the folder.
void check_file_name(const std::string& name);

// What Gaze keeps in a model's folder beside the model.
inline constexpr const char* kManifestName = "gaze-manifest.json";
inline constexpr const char* kWorkFolderName = ".gaze-pull";

}  // namespace gaze
