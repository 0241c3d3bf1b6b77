#include "models/llava/mmproj.h"

#include <array>
#include <optional>
#include <utility>

#include "models/llava/picture_encoder.h"
#include "models/mmproj.h"
#include "weights/views.h"

namespace gaze::llava {
namespace {

ImageProcessor image_processor(const GgufMetadata& data, const std::string& origin, int image_size) {
  const Json json{{"image_processor_type", "CLIPImageProcessor"},
                  {"size", {{"shortest_edge", image_size}}},
                  {"crop_size", image_size},
                  {"image_mean", data.numbers("clip.vision.image_mean")},
                  {"image_std", data.numbers("clip.vision.image_std")}};
  return parse_image_processor(json, origin);
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kOutside{{
    {"v.class_embd", "vision_tower.embeddings.class_embedding"},
    {"v.patch_embd.", "vision_tower.embeddings.patch_embedding."},
    {"v.position_embd.", "vision_tower.embeddings.position_embedding."},
    {"v.pre_ln.", "vision_tower.pre_layrnorm."},
    {"v.post_ln.", "vision_tower.post_layernorm."},
    {"mm.0.", "multi_modal_projector.linear_1."},
    {"mm.2.", "multi_modal_projector.linear_2."},
}};
// Names that are not known stay, for the weight table to report.
std::string reference_name(std::string_view name, bool swapped) {
  for (const auto& [theirs, reference] : kOutside) {
    if (name.starts_with(theirs)) return std::string(reference).append(name.substr(theirs.size()));
  }
  const std::optional<std::string> layer = mmproj_layer_name(name, swapped);
  return layer ? "vision_tower." + *layer : std::string(name);
}

}  // namespace

std::unique_ptr<const PictureEncoder> open_mmproj(const std::shared_ptr<const GgufFile>& file,
                                                  const std::string& origin, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision) {
  const GgufMetadata& data = file->metadata();
  const bool gelu = data.boolean("clip.use_gelu", false), silu = data.boolean("clip.use_silu", false);
  const Json json = mmproj_vision_config(data, silu ? "silu" : gelu ? "gelu" : "quick_gelu");
  Config config;
  config.vision = clip::parse_vision_config({json, origin});
  config.vision_layers = config.vision.encoder.num_hidden_layers;
  config.text = text;
  const TokenId known = tokenizer.id("<image>");
  config.image_token = known >= 0 ? known : tokenizer.vocabulary_size();

  const TensorInfo* down = file->find("v.blk.0.ffn_down.weight");
  const bool swapped =
      down && down->shape == Shape{config.vision.encoder.intermediate_size, config.vision.encoder.hidden_size};
  const auto weights = renamed(without_blocks(file), origin,
                               [&](std::string_view name) { return std::optional(reference_name(name, swapped)); });
  WeightTable table;
  LlavaPictures::add_rows(table, config);
  table.check(*weights, origin);
  return std::make_unique<const LlavaPictures>(WeightScope(weights, precision), config,
                                               image_processor(data, origin, config.vision.image_size));
}

}  // namespace gaze::llava
