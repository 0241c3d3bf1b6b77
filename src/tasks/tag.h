// `gaze tag`: which of the user's labels fit pictures, and how likely it is that none does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/dual_encoder.h"
#include "tasks/failed_input.h"
#include "tasks/pictures.h"

namespace gaze {

// docs/tagging.md says what these numbers mean.
struct Tags {
  std::vector<double> probabilities;  // one a label, in their order
  double none = 0;                    // that no label fits
};

struct TaggedPicture {
  std::filesystem::path image;  // as given by the user
  Tags tags;
};

struct TagOptions {
  std::vector<std::string> labels;
  std::string form;  // how a label is asked, with {} in its place; empty: "a photo of a {}", 一张{}的照片
  PictureOptions pictures;
  bool follow_links = false;
  // How many files are done, and each picture once it and all before it are; of a remote model from several threads,
  // one at a time.
  std::function<void(std::size_t done, std::size_t total)> progress = {};
  std::function<void(const TaggedPicture&)> on_tags = {};
};

struct TagResult {
  std::vector<TaggedPicture> pictures;  // in the order named, folders by path
  std::vector<FailedInput> failed;
  std::int64_t skipped = 0;  // files in folders that are no pictures
};

// Labels as "a,b,c" or a file with one a line. Errors: usage (none, and those of parse_list), limit_exceeded.
std::vector<std::string> parse_labels(const std::string& list_or_file);

// What stands for the labels in `form`, or in the sentence of each label's own language. Errors: usage (no {} in it).
std::vector<std::string> label_texts(std::span<const std::string> labels, const std::string& form);

// What a model's similarities say of one picture. `labels` and `everyday`: logits of the labels and of kEverydayWords.
// Where the texts compete (softmax), "none" is one more competitor, as likely beforehand as all labels together, and
// what fits has to stand out from the everyday words; where each stands for itself (sigmoid), these are not looked at.
Tags tags_of(std::span<const double> labels, std::span<const double> everyday, bool sigmoid);

// Tags the pictures among `named` (files, folders with all below them, "-" for `standard_input`).
// Errors: usage, limit_exceeded (a label too long), cancelled. What befalls one picture is in `failed`.
TagResult tag_pictures(const DualEncoder& encoder, std::span<const std::filesystem::path> named,
                       const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel);

// True where neither a label nor "none" has at least half of the probability: what `--route` asks a remote model about.
bool is_unsure(const Tags& tags);

}  // namespace gaze
