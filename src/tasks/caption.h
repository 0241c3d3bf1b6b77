// `gaze caption`: what is in the pictures, said in words and kept in the library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "catalog/library.h"
#include "models/captioner.h"
#include "tasks/failed_input.h"
#include "tasks/pictures.h"

namespace gaze {

struct CaptionCandidate {
  std::string text;  // the prompt and what follows it
  float score = 0;   // Generation::score
  std::vector<TokenId> ids;
};

struct CaptionedPicture {
  std::filesystem::path image;               // as given by the user
  std::vector<CaptionCandidate> candidates;  // best first, at least one
  PictureFile file;                          // empty for standard input
};

struct CaptionOptions {
  std::string language;  // "en", "zh"; empty: the model's own
  std::string prompt;    // what the captions begin with
  GenerationConfig generation;
  std::optional<int> max_new_tokens;  // in place of generation.max_length
  PictureOptions pictures;
  bool follow_links = false;
  // From the calling thread: how many of the files to read are done, and each caption once it and all before it are.
  std::function<void(std::size_t done, std::size_t total)> progress = {};
  std::function<void(const CaptionedPicture&)> on_caption = {};
};

struct CaptionResult {
  std::vector<CaptionedPicture> captions;  // in the order named, folders by path
  std::vector<FailedInput> failed;
  std::int64_t skipped = 0;  // files in folders that are no pictures
  std::int64_t reused = 0;   // captions that the library had
};

// Captions the pictures among `named` (files, folders with all below them, "-" for `standard_input`), in batches while
// the next ones are decoded. What the library has of a picture under this model and these settings is taken from it;
// each batch is stored as soon as it is done, so that whenever it stops the next run goes on.
// Errors: usage (settings that make no sense, alone, together or for this model), cancelled, bad_weights, the
// library's. What befalls one picture is in `failed`.
CaptionResult caption_pictures(Library& library, const Captioner& captioner, const ModelKey& model,
                               std::span<const std::filesystem::path> named, const Bytes& standard_input,
                               const CaptionOptions& options, const CancelToken& cancel);

// The picture with its best caption under it, as a PNG (media/captioned_image.h). Errors: those of both files.
void draw_caption(const std::filesystem::path& output, const CaptionedPicture& picture, const Bytes& standard_input,
                  const PictureOptions& options);

}  // namespace gaze
