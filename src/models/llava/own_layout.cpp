#include "models/llava/own_layout.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "base/message.h"

namespace gaze::llava {
namespace {

// A key of theirs that changes what is computed, and the value that is known here.
void require(const ConfigReader& reader, std::string_view key, std::string_view known, std::string_view absent) {
  const std::string found = reader.text(key, absent);
  if (found == known) return;
  throw Error(ErrorCode::unsupported_model,
              message("{}: not supported: {}", reader.origin(), std::string(key) + " " + found),
              message("supported: {}", known));
}

}  // namespace

clip::VisionConfig usual_tower() {
  return {.encoder = {.hidden_size = 1024,
                      .num_hidden_layers = 24,
                      .num_attention_heads = 16,
                      .intermediate_size = 4096,
                      .hidden_act = Activation::quick_gelu},
          .image_size = 336,
          .patch_size = 14};
}

llama::Config parse_own_text(const ConfigReader& reader, const Json& json) {
  Json text = json;
  const std::string type = reader.text("model_type", "llava");
  text["model_type"] = type == "llava" || type == "llava_llama" ? "llama" : type == "llava_mistral" ? "mistral" : type;
  return llama::parse_config({text, reader.origin()});
}

OwnConfig parse_own_config(const ConfigReader& reader, const Json& json, const clip::VisionConfig& vision) {
  OwnConfig own;
  own.tower = reader.text("mm_vision_tower", kUsualTower);
  require(reader, "mm_projector_type", "mlp2x_gelu", "linear");
  if (reader.boolean("mm_use_im_start_end", false)) {
    throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", reader.origin(), "mm_use_im_start_end"));
  }
  const std::string aspect = reader.text("image_aspect_ratio", "square");
  own.tiles = aspect == "anyres";
  if (!own.tiles && aspect != "pad" && aspect != "square") {
    throw Error(ErrorCode::unsupported_model,
                message("{}: not supported: {}", reader.origin(), "image_aspect_ratio " + aspect),
                message("supported: {}", "square, pad, anyres"));
  }
  require(reader, "mm_patch_merge_type", own.tiles ? "spatial_unpad" : "flat", "flat");

  Config& config = own.llava;
  config.vision = vision;
  config.text = parse_own_text(reader, json);
  config.vision_layers = parse_vision_layers(reader, "mm_vision_select_layer", vision.encoder.num_hidden_layers);
  const std::string feature = reader.text("mm_vision_select_feature", "patch");
  if (feature != "patch" && (feature != "cls_patch" || own.tiles)) reader.refuse("mm_vision_select_feature");
  config.class_token = feature == "cls_patch";
  config.pads_to_square = aspect == "pad";
  return own;
}

std::string name_of_own(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kBeginnings{{
      {"model.mm_projector.0.", "multi_modal_projector.linear_1."},
      {"model.mm_projector.2.", "multi_modal_projector.linear_2."},
      {"model.image_newline", "image_newline"},
      {"model.vision_tower.vision_tower.vision_model.", "vision_tower."},
  }};
  for (const auto& [found, ours] : kBeginnings) {
    if (name.starts_with(found)) return std::string(ours).append(name.substr(found.size()));
  }
  return std::string(name);
}

std::optional<std::string> name_of_tower(std::string_view name) {
  constexpr std::string_view kTower = "vision_model.";
  if (!name.starts_with(kTower)) return {};
  return std::string("vision_tower.").append(name.substr(kTower.size()));
}

}  // namespace gaze::llava
