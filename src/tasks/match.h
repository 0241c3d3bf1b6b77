// How well each of several texts fits a picture.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/dual_encoder.h"
#include "models/picture_questions.h"
#include "tasks/pictures.h"

namespace gaze {

struct Match {
  double probability = 0;
  double logit = 0;
};

struct Matches {
  std::string normalisation;   // "softmax": the texts compete; "sigmoid", "itm": each for itself
  std::vector<Match> matches;  // one a text, in their order
};

// `parse_special`: text such as "<|endoftext|>" becomes that token, as the reference does.
// Errors: those of reading and decoding `image`; limit_exceeded for a text; cancelled.
Matches match(const DualEncoder& encoder, const std::filesystem::path& image, std::span<const std::string> texts,
              const PictureOptions& options, bool parse_special, const CancelToken& cancel);

// The same with a model that looks at both together; the logit is that of "yes" less that of "no".
Matches match(const PictureMatcher& matcher, const std::filesystem::path& image, std::span<const std::string> texts,
              const PictureOptions& options, bool parse_special, const CancelToken& cancel);

// The ids that the model's text tower receives.
std::vector<std::vector<TokenId>> encode_for(const DualEncoder& encoder, std::span<const std::string> texts,
                                             bool parse_special);

// True where Chinese characters stand in it.
bool has_chinese(const std::string& text);

// True where one of the texts is Chinese and the model was trained on English alone (the CLIP family).
bool is_wrong_language(const DualEncoder& encoder, std::span<const std::string> texts);

}  // namespace gaze
