// Pictures from words, and from pictures, through a remote model.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "tasks/remote_access.h"

namespace gaze {

struct PictureOrder {
  std::string prompt;  // empty: the one picture is varied
  std::string size;    // "1024x1024"; empty: the service's own choice
  int count = 1;
  std::string quality, style, background;  // as the service names them; empty: not sent
  std::vector<std::string> pictures;       // to edit after the prompt
  std::string mask;                        // of an edit: a PNG, transparent where the picture may change
};

struct MadePicture {
  std::filesystem::path path;
  std::string revised_prompt;  // what the service made of the prompt, where it says
};

// `--dry-run`: {"method","url","headers","body"}, key masked. Errors: those of reading pictures, usage.
OrderedJson describe_order(const RemoteModel& model, const PictureOrder& order);

// Makes the pictures within the spending cap and writes them: one to `output`, several to NAME-1.EXT, NAME-2.EXT …,
// each as its extension says (.png, .jpg; .webp only where the service sends it).
// Errors: as RemoteModel::generate_images and SpendingAccount::reserve_images; usage (another extension), disk_full.
std::vector<MadePicture> generate_pictures(RemoteAccess& access, const PictureOrder& order,
                                           const std::filesystem::path& output, const CancelToken& cancel);

}  // namespace gaze
