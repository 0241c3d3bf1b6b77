#include "models/registry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "models/blip/blip.h"
#include "models/chinese_clip/chinese_clip.h"
#include "models/clip/clip.h"
#include "models/gaze_mini/captioner.h"
#include "models/gaze_mini/gaze_mini.h"
#include "models/siglip/siglip.h"

namespace gaze {
namespace {

constexpr std::array kDualEncoders{
    DualEncoderFamily{"CLIPModel", "clip", load_clip},
    DualEncoderFamily{"ChineseCLIPModel", "chinese_clip", load_chinese_clip},
    DualEncoderFamily{"SiglipModel", "siglip", load_siglip},
    DualEncoderFamily{"GazeMiniModel", "gaze_mini", load_gaze_mini},
};

// BLIP's three kinds have one model_type: only the first, the commonest, may stand without an architecture.
constexpr std::array kCaptioners{
    CaptionerFamily{"BlipForConditionalGeneration", "blip", load_blip_captioner},
    CaptionerFamily{"GazeMiniModel", "gaze_mini", load_gaze_mini_captioner},
};

constexpr std::array kPictureAnswerers{
    PictureAnswererFamily{"BlipForQuestionAnswering", "", load_blip_answerer},
};

constexpr std::array kPictureMatchers{
    PictureMatcherFamily{"BlipForImageTextRetrieval", "", load_blip_matcher},
};

std::string first_architecture(const Json& config) {
  const auto list = config.find("architectures");
  if (list == config.end() || !list->is_array() || list->empty() || !list->front().is_string()) return {};
  return list->front().get<std::string>();
}

std::string model_type(const Json& config) {
  const auto type = config.find("model_type");
  return type == config.end() || !type->is_string() ? std::string() : type->get<std::string>();
}

// The family of a checkpoint; `task` says, for people, what it should have been able to do.
template <class Families>
const auto& family_of(const Checkpoint& checkpoint, const Families& families, const std::string& task) {
  const std::string architecture = first_architecture(checkpoint.config), type = model_type(checkpoint.config);
  const auto family = std::ranges::find_if(families, [&](const auto& each) {
    return architecture.empty() ? each.model_type == type : each.architecture == architecture;
  });
  if (family != families.end()) return *family;

  std::string supported;
  for (const auto& each : families) {
    supported += fmt::format("{}{} ({})", supported.empty() ? "" : ", ", each.architecture, each.model_type);
  }
  throw Error(ErrorCode::unsupported_model,
              message("{}: \"{}\" is not a model that {}", checkpoint.config_name(),
                      architecture.empty() ? type : architecture, task),
              message("supported: {}", supported));
}

}  // namespace

std::span<const DualEncoderFamily> dual_encoder_families() {
  return kDualEncoders;
}

std::span<const CaptionerFamily> captioner_families() {
  return kCaptioners;
}

std::span<const PictureAnswererFamily> picture_answerer_families() {
  return kPictureAnswerers;
}

std::span<const PictureMatcherFamily> picture_matcher_families() {
  return kPictureMatchers;
}

std::unique_ptr<const DualEncoder> load_dual_encoder(const std::filesystem::path& folder, const LoadOptions& options) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  return family_of(checkpoint, kDualEncoders, message("matches pictures with words")).load(checkpoint, options);
}

std::unique_ptr<const Captioner> load_captioner(const std::filesystem::path& folder, Precision precision) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  return family_of(checkpoint, kCaptioners, message("puts pictures into words")).load(checkpoint, precision);
}

std::unique_ptr<const PictureAnswerer> load_picture_answerer(const std::filesystem::path& folder, Precision precision) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  return family_of(checkpoint, kPictureAnswerers, message("answers questions about pictures"))
      .load(checkpoint, precision);
}

std::unique_ptr<const PictureMatcher> load_picture_matcher(const std::filesystem::path& folder, Precision precision) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  return family_of(checkpoint, kPictureMatchers, message("looks at a picture and a text together"))
      .load(checkpoint, precision);
}

}  // namespace gaze
