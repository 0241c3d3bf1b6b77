#include "tasks/describe_files.h"

#include <sys/stat.h>

#include "base/limits.h"
#include "base/message.h"
#include "catalog/caption_store.h"
#include "tasks/picture_pipeline.h"
#include "tasks/picture_walk.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// Other metadata are another hash: without this the next run would take the file for a new picture.
void follow(Library& library, PictureFile file) {
  const Bytes bytes = read_file(file.path, limits().image_file_bytes);
  struct stat status {};
  if (::stat(file.path.c_str(), &status) != 0) return;
  file.size = status.st_size;
  file.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  CaptionStore(library).follow_rewrite(file, content_hash(bytes));
}

// Runs `change` on one file; what befalls it alone is in `failed`.
void describe(Library& library, const fs::path& image, const PictureFile& file, const DescriptionOptions& options,
              const std::function<DescriptionResult()>& change, DescribedFiles& described) {
  try {
    DescriptionResult result = change();
    if (result.change != DescriptionChange::unchanged && !options.dry_run && result.file == file.path) {
      follow(library, file);
    }
    described.files.push_back({image, std::move(result)});
  } catch (const Error& error) {
    const bool is_the_files = error.code() == ErrorCode::not_found || error.code() == ErrorCode::bad_image ||
                              error.code() == ErrorCode::limit_exceeded || error.code() == ErrorCode::image_too_large;
    if (!is_the_files) throw;
    described.failed.push_back({image, error.code(), error.message()});
  }
}

}  // namespace

DescribedFiles write_captions(Library& library, std::span<const CaptionedPicture> captions,
                              const DescriptionOptions& options, const CancelToken& cancel,
                              const DescribeProgress& progress) {
  DescribedFiles described;
  std::size_t done = 0;
  for (const CaptionedPicture& caption : captions) {
    cancel.check();
    if (!caption.file.path.empty()) {
      const auto write = [&] { return write_description(caption.file.path, caption.candidates.front().text, options); };
      describe(library, caption.image, caption.file, options, write, described);
    }
    progress(++done, captions.size());
  }
  return described;
}

DescribedFiles undo_captions(Library& library, std::span<const fs::path> named, bool follow_links,
                             const DescriptionOptions& options, const CancelToken& cancel,
                             const DescribeProgress& progress) {
  DescribedFiles described;
  WalkedFolders walked = walk_folders(named, follow_links, cancel);
  described.failed = std::move(walked.failed);
  std::size_t done = 0;
  for (const PictureFile& file : walked.files) {
    cancel.check();
    if (is_picture_file(file.path)) {
      const auto undo = [&] { return undo_description(file.path, options); };
      describe(library, file.given.empty() ? file.path : file.given, file, options, undo, described);
    }
    progress(++done, walked.files.size());
  }
  return described;
}

}  // namespace gaze
