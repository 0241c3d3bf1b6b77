#include "tasks/named_pictures.h"

#include <utility>

#include "tasks/picture_walk.h"

namespace gaze {

namespace fs = std::filesystem;

std::vector<NamedPicture> gather_pictures(std::span<const fs::path> named, bool follow_links, const CancelToken& cancel,
                                          std::vector<FailedInput>& failed) {
  std::vector<NamedPicture> pictures;
  for (const fs::path& one : named) {
    if (one == "-") {
      pictures.push_back({.image = one, .named = true});
      continue;
    }
    try {
      WalkedFolders walked = walk_folders(std::span(&one, 1), follow_links, cancel);
      for (PictureFile& file : walked.files) {
        const fs::path given = file.given.empty() ? file.path : file.given;
        pictures.push_back({.image = given, .file = std::move(file), .named = given == one});
      }
      for (FailedInput& folder : walked.failed) failed.push_back(std::move(folder));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found) throw;
      NamedPicture& missing = pictures.emplace_back();
      missing.image = one;
      missing.named = true;
      missing.fault = error;
    }
  }
  return pictures;
}

bool is_no_picture(const NamedPicture& picture, const Error& error) {
  return error.code() == ErrorCode::bad_image && !picture.named;
}

}  // namespace gaze
