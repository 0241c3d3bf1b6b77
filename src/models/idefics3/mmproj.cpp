#include "models/idefics3/mmproj.h"

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "models/idefics3/picture_encoder.h"
#include "models/mmproj.h"
#include "weights/views.h"

namespace gaze::idefics3 {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOutside{{
    {"v.patch_embd.", "vision_model.embeddings.patch_embedding."},
    {"v.position_embd.", "vision_model.embeddings.position_embedding."},
    {"v.post_ln.", "vision_model.post_layernorm."},
    {"mm.model.fc.", "connector.modality_projection.proj."},
}};

// Names that are not known stay, for the weight table to report.
std::string reference_name(std::string_view name) {
  for (const auto& [theirs, reference] : kOutside) {
    if (name.starts_with(theirs)) return std::string(reference).append(name.substr(theirs.size()));
  }
  const std::optional<std::string> layer = mmproj_layer_name(name, false);
  return layer ? "vision_model." + *layer : std::string(name);
}

}  // namespace

std::unique_ptr<const PictureEncoder> open_mmproj(const std::shared_ptr<const GgufFile>& file,
                                                  const std::string& origin, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision) {
  const GgufMetadata& data = file->metadata();
  Json json{{"vision_config", mmproj_vision_config(data, "gelu_pytorch_tanh")},
            {"scale_factor", data.integer("clip.vision.projector.scale_factor", 2)},
            {"image_token_id", tokenizer.id("<image>")}};
  if (json["image_token_id"] < 0) {
    throw Error(ErrorCode::bad_weights, message("{}: the language model's tokenizer has no {}", origin, "<image>"),
                message("take the file that was published with this language model"));
  }
  Config config = parse_config({json, origin}, text);
  const int size = config.vision.image_size;
  const Json preprocessor{{"size", {{"longest_edge", data.integer("clip.vision.preproc_image_size", 4 * size)}}},
                          {"max_image_size", {{"longest_edge", size}}},
                          {"image_mean", data.numbers("clip.vision.image_mean")},
                          {"image_std", data.numbers("clip.vision.image_std")}};
  const TileProcessor processor = parse_tile_processor(preprocessor, origin, size);
  const auto weights =
      renamed(without_blocks(file), origin, [](std::string_view name) { return std::optional(reference_name(name)); });
  WeightTable table;
  Idefics3Pictures::add_rows(table, config);
  table.check(*weights, origin);
  return std::make_unique<const Idefics3Pictures>(WeightScope(weights, precision), config, processor, tokenizer);
}

}  // namespace gaze::idefics3
