// The pictures that a user named: files, folders with all below them, standard input.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "catalog/library.h"
#include "tasks/failed_input.h"

namespace gaze {

struct NamedPicture {
  std::filesystem::path image;      // as given by the user; "-" is standard input
  PictureFile file = {};            // empty for standard input
  bool named = false;               // by the user, not found in a folder
  std::optional<Error> fault = {};  // it is not there

  std::string path() const { return image == "-" ? "-" : file.path; }
};

// The files that were named and those in the folders that were, in that order; whether they are pictures is not looked
// at. Folders that cannot be read go to `failed`. Errors: cancelled.
std::vector<NamedPicture> gather_pictures(std::span<const std::filesystem::path> named, bool follow_links,
                                          const CancelToken& cancel, std::vector<FailedInput>& failed);

// True where `error` says that a file found in a folder is no picture: a folder holds other files too.
bool is_no_picture(const NamedPicture& picture, const Error& error);

}  // namespace gaze
