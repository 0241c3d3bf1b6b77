// Captions inside picture files: XMP's dc:description, which digiKam, Lightroom and darktable show.
// JPEG, PNG, WebP and TIFF carry it themselves; other formats get a sidecar beside them (photo.gif.xmp).
#pragma once

#include <filesystem>
#include <string>

namespace gaze {

enum class DescriptionChange {
  written,    // the text stands in the file now
  unchanged,  // it stood there already
  kept,       // a person's own text stands there and was not touched
};

struct DescriptionResult {
  DescriptionChange change = DescriptionChange::unchanged;
  std::filesystem::path file;  // the picture, or its sidecar
  std::string before;          // the description that stood there, if any
};

struct DescriptionOptions {
  bool force = false;    // write over a text that is not Gaze's own; undo_description brings it back
  bool dry_run = false;  // tell what would happen and touch nothing
};

// Puts `text` (UTF-8) into `picture`. A text that Gaze wrote before is replaced; one that a person wrote or changed is
// kept unless forced. The new file is written aside, read back (text there, all other metadata and every pixel as
// before), then renamed over the old one; file times and permissions stay.
// Errors: not_found, bad_image (not a picture, or its metadata are damaged), disk_full. The picture is whole after
// each.
DescriptionResult write_description(const std::filesystem::path& picture, const std::string& text,
                                    const DescriptionOptions& options = {});

// Takes back what write_description wrote, and brings back what stood there before it. A text that was changed since
// is a person's and stays (`kept`). `unchanged`: nothing of ours is there.
DescriptionResult undo_description(const std::filesystem::path& picture, const DescriptionOptions& options = {});

// dc:description of the picture or its sidecar; empty where there is none. Errors as write_description.
std::string read_description(const std::filesystem::path& picture);

}  // namespace gaze
