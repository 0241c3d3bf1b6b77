// `gaze index`: brings the library up to date with folders of pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "catalog/library.h"
#include "models/dual_encoder.h"
#include "tasks/failed_input.h"

namespace gaze {

struct IndexProgress {
  std::int64_t done = 0;  // files read, of those that are new or changed
  std::int64_t total = 0;
  std::int64_t failed = 0;
  double images_per_second = 0;
  double seconds_left = 0;
};

struct IndexOptions {
  bool fast_decode = false;  // JPEGs at a fraction of their size (DecodeOptions::at_least)
  bool exif_rotation = true;
  bool follow_links = false;
  // Called from the calling thread, some ten times a second at most, and at the end.
  std::function<void(const IndexProgress&)> progress = {};
};

// Counts are of pictures under the model at hand: one known under another model alone is `added`.
struct IndexResult {
  std::int64_t added = 0;
  std::int64_t updated = 0;    // other content under the same name
  std::int64_t unchanged = 0;  // by size and time, or by content
  std::int64_t removed = 0;    // no longer there, or no longer a picture
  std::int64_t skipped = 0;    // files that are no pictures and do not claim to be
  std::vector<FailedInput> failed;
  double seconds = 0;
  double images_per_second = 0;  // added and updated
};

// Embeds the new and changed pictures among `named` (files, and folders with all below them), and forgets those below
// them whose files are gone. What is unchanged by size and time is not read; what is known by content is not embedded
// again. Work is stored in transactions of some dozens of pictures: whenever it stops, what is stored stays and the
// next run goes on. Only the pictures' own errors are in the result.
// Errors: cancelled, not_found (one of `named` is not there), the library's, the encoder's.
IndexResult index_pictures(Library& library, const DualEncoder& encoder, const ModelKey& model,
                           std::span<const std::filesystem::path> named, const IndexOptions& options,
                           const CancelToken& cancel);

}  // namespace gaze
