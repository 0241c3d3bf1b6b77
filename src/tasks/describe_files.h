// `gaze caption --write-xmp`: captions inside the picture files, where other programs show them (media/xmp.h).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "catalog/library.h"
#include "media/xmp.h"
#include "tasks/caption.h"

namespace gaze {

struct DescribedFile {
  std::filesystem::path image;  // as given by the user
  DescriptionResult result;
};

struct DescribedFiles {
  std::vector<DescribedFile> files;
  std::vector<FailedInput> failed;
};

using DescribeProgress = std::function<void(std::size_t done, std::size_t total)>;

// Writes the best caption of each into its file; the library follows, so that a file known before stays known. Standard
// input has no file and is left out. Errors: cancelled, disk_full, the library's.
DescribedFiles write_captions(Library& library, std::span<const CaptionedPicture> captions,
                              const DescriptionOptions& options, const CancelToken& cancel,
                              const DescribeProgress& progress);

// Takes back what write_captions wrote into the pictures among `named`, files and folders. Errors: as above, not_found.
DescribedFiles undo_captions(Library& library, std::span<const std::filesystem::path> named, bool follow_links,
                             const DescriptionOptions& options, const CancelToken& cancel,
                             const DescribeProgress& progress);

}  // namespace gaze
