// Which families there are: config.json's `architectures` or `model_type` to the function that loads them.
#pragma once

#include <span>
#include <string_view>

#include "models/captioner.h"
#include "models/checkpoint.h"
#include "models/dual_encoder.h"
#include "models/picture_questions.h"

namespace gaze {

struct DualEncoderFamily {
  std::string_view architecture;  // config.json's architectures[0]
  std::string_view model_type;    // decides where a config names no architecture
  std::unique_ptr<const DualEncoder> (*load)(const Checkpoint& checkpoint, const LoadOptions& options);
};

struct CaptionerFamily {
  std::string_view architecture;
  std::string_view model_type;
  std::unique_ptr<const Captioner> (*load)(const Checkpoint& checkpoint, Precision precision);
};

struct PictureAnswererFamily {
  std::string_view architecture;
  std::string_view model_type;
  std::unique_ptr<const PictureAnswerer> (*load)(const Checkpoint& checkpoint, Precision precision);
};

struct PictureMatcherFamily {
  std::string_view architecture;
  std::string_view model_type;
  std::unique_ptr<const PictureMatcher> (*load)(const Checkpoint& checkpoint, Precision precision);
};

std::span<const DualEncoderFamily> dual_encoder_families();
std::span<const CaptionerFamily> captioner_families();
std::span<const PictureAnswererFamily> picture_answerer_families();
std::span<const PictureMatcherFamily> picture_matcher_families();

}  // namespace gaze
