// Which files lie in the folders that a user names.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "catalog/library.h"
#include "tasks/failed_input.h"

namespace gaze {

struct WalkedFolders {
  std::vector<PictureFile> files;              // regular files, each once, in the order of their absolute paths
  std::vector<std::filesystem::path> roots;    // what was named, absolute
  std::vector<std::filesystem::path> folders;  // all that were entered
  std::vector<FailedInput> failed;             // folders that could not be read
};

// Files and folders, the latter with all below them. Left out: names that begin with a dot (thumbnail caches, "._"
// files of other systems) unless named by the user, and links unless `follow_links`; a folder is entered once however
// many links lead to it. Errors: not_found (one of `named` is not there), cancelled.
WalkedFolders walk_folders(std::span<const std::filesystem::path> named, bool follow_links, const CancelToken& cancel);

// `path` as an absolute one without "." and ".."; links stay links where that is possible.
std::filesystem::path absolute_path(const std::filesystem::path& path);

// The name to show for a stored picture: as the user gave it where that still means this file from here.
std::filesystem::path shown_path(const std::string& path, const std::string& given);

}  // namespace gaze
