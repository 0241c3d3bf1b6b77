#include "models/registry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "models/clip/clip.h"

namespace gaze {
namespace {

constexpr std::array kDualEncoders{
    DualEncoderFamily{"CLIPModel", "clip", load_clip},
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

}  // namespace

std::span<const DualEncoderFamily> dual_encoder_families() {
  return kDualEncoders;
}

std::unique_ptr<const DualEncoder> load_dual_encoder(const std::filesystem::path& folder, const LoadOptions& options) {
  const Checkpoint checkpoint = open_checkpoint(folder);
  const std::string architecture = first_architecture(checkpoint.config), type = model_type(checkpoint.config);
  const auto family = std::ranges::find_if(kDualEncoders, [&](const DualEncoderFamily& each) {
    return architecture.empty() ? each.model_type == type : each.architecture == architecture;
  });
  if (family != kDualEncoders.end()) return family->load(checkpoint, options);

  std::string supported;
  for (const DualEncoderFamily& each : kDualEncoders) {
    supported += fmt::format("{}{} ({})", supported.empty() ? "" : ", ", each.architecture, each.model_type);
  }
  throw Error(ErrorCode::unsupported_model,
              message("{}: \"{}\" is not a model that matches pictures with words", checkpoint.config_name(),
                      architecture.empty() ? type : architecture),
              message("supported: {}", supported));
}

}  // namespace gaze
