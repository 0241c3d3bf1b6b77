// Waits for changes in folders: what `gaze index --watch` does between two runs.
#pragma once

#include <filesystem>
#include <vector>

#include "base/cancel.h"

namespace gaze {

// Used by one thread. Linux's inotify: changes that other machines make on a network drive are not seen.
class FolderWatch {
 public:
  // Watches files and folders, the latter with all below them, from now on.
  // Errors: not_found, limit_exceeded (more folders than the system lets one user watch).
  FolderWatch(std::vector<std::filesystem::path> named, bool follow_links);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Returns when something has changed since the last call and a second has been quiet, ten seconds after the first
  // change at the latest. A run of index_pictures that begins now sees all of it. Errors: cancelled, the constructor's.
  void wait(const CancelToken& cancel);

 private:
  void watch_all(const CancelToken& cancel);
  bool changed_within(int milliseconds);

  const std::vector<std::filesystem::path> named_;
  const bool follow_links_;
  int inotify_ = -1;
};

}  // namespace gaze
