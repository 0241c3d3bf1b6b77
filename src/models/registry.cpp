#include "models/registry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "models/blip/blip.h"
#include "models/captioner.h"
#include "models/checkpoint.h"
#include "models/chinese_clip/chinese_clip.h"
#include "models/clip/clip.h"
#include "models/dual_encoder.h"
#include "models/gaze_mini/captioner.h"
#include "models/gaze_mini/gaze_mini.h"
#include "models/picture_questions.h"
#include "models/siglip/siglip.h"

namespace gaze {
namespace {

// config.json's architectures[0], the model_type that decides where a config names no architecture, and what loads it.
template <class Load>
struct Family {
  std::string_view architecture, model_type;
  Load* load;
};
using DualEncoderFamily = Family<std::unique_ptr<const DualEncoder>(const Checkpoint&, const LoadOptions&)>;
using CaptionerFamily = Family<std::unique_ptr<const Captioner>(const Checkpoint&, Precision)>;
using AnswererFamily = Family<std::unique_ptr<const PictureAnswerer>(const Checkpoint&, Precision)>;
using MatcherFamily = Family<std::unique_ptr<const PictureMatcher>(const Checkpoint&, Precision)>;

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
    AnswererFamily{"BlipForQuestionAnswering", "", load_blip_answerer},
};

constexpr std::array kPictureMatchers{
    MatcherFamily{"BlipForImageTextRetrieval", "", load_blip_matcher},
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

// nullptr where none fits.
template <class Families>
auto find_family(const Json& config, const Families& families) {
  const std::string architecture = first_architecture(config), type = model_type(config);
  const auto family = std::ranges::find_if(families, [&](const auto& each) {
    return architecture.empty() ? !type.empty() && each.model_type == type : each.architecture == architecture;
  });
  return family == families.end() ? nullptr : &*family;
}

// The family of a checkpoint; `task` says, for people, what it should have been able to do.
template <class Families>
const auto& family_of(const Checkpoint& checkpoint, const Families& families, const std::string& task) {
  if (const auto* family = find_family(checkpoint.config, families)) return *family;

  std::string supported;
  for (const auto& each : families) {
    supported += fmt::format("{}{}", supported.empty() ? "" : ", ", each.architecture);
  }
  throw Error(
      ErrorCode::unsupported_model,
      message("{}: \"{}\" is not a model that {}", checkpoint.config_name(), architecture_of(checkpoint.config), task),
      message("supported: {}", supported));
}

}  // namespace

std::string architecture_of(const Json& config) {
  const std::string architecture = first_architecture(config);
  return to_valid_utf8(architecture.empty() ? model_type(config) : architecture);
}

ModelAbilities abilities_of(const Json& config) {
  return {.embeds = find_family(config, kDualEncoders) != nullptr,
          .captions = find_family(config, kCaptioners) != nullptr,
          .answers = find_family(config, kPictureAnswerers) != nullptr,
          .matches = find_family(config, kPictureMatchers) != nullptr};
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
