#include "models/llava/mmproj.h"

#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "models/llava/picture_encoder.h"
#include "weights/gguf.h"
#include "weights/views.h"

namespace gaze::llava {
namespace {

[[noreturn]] void refuse_kind(const std::string& origin, std::string_view what) {
  throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", origin, to_valid_utf8(what)),
              message("supported: {}", "LLaVA-1.5 (clip.projector_type mlp)"));
}

void check_kind(const GgufMetadata& data, const std::string& origin) {
  if (const auto kind = data.text("general.architecture"); kind != "clip") refuse_kind(origin, kind);
  if (const auto kind = data.text("clip.projector_type", "mlp"); kind != "mlp") refuse_kind(origin, kind);
  for (const char* key : {"clip.vision.image_grid_pinpoints", "clip.vision.feature_layer"}) {
    if (data.has(key)) refuse_kind(origin, key);
  }
}

// The metadata as a vision_config, to be read and checked as one.
Json vision_config(const GgufMetadata& data) {
  const auto integer = [&](const char* key) { return data.integer(fmt::format("clip.vision.{}", key)); };
  const bool gelu = data.boolean("clip.use_gelu", false), silu = data.boolean("clip.use_silu", false);
  return {{"hidden_size", integer("embedding_length")},
          {"intermediate_size", integer("feed_forward_length")},
          {"num_hidden_layers", integer("block_count")},
          {"num_attention_heads", integer("attention.head_count")},
          {"image_size", integer("image_size")},
          {"patch_size", integer("patch_size")},
          {"layer_norm_eps", data.number("clip.vision.attention.layer_norm_epsilon")},
          {"hidden_act", silu   ? "silu"
                         : gelu ? "gelu"
                                : "quick_gelu"}};
}

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
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kInLayer{{
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_out", "self_attn.out_proj"},
    {"ln1", "layer_norm1"},
    {"ln2", "layer_norm2"},
    {"ffn_up", "mlp.fc1"},
    {"ffn_down", "mlp.fc2"},
}};

// Names that are not known stay, for the weight table to report. `swapped`: the converter that wrote most files called
// the first layer of the MLP "down" and the second one "up".
std::string reference_name(std::string_view name, bool swapped) {
  for (const auto& [theirs, reference] : kOutside) {
    if (name.starts_with(theirs)) return std::string(reference).append(name.substr(theirs.size()));
  }
  constexpr std::string_view kBlock = "v.blk.";
  const std::size_t dot = name.find('.', kBlock.size()), last = name.rfind('.');
  if (!name.starts_with(kBlock) || dot == std::string_view::npos || last <= dot) return std::string(name);
  std::string_view part = name.substr(dot + 1, last - dot - 1);
  if (swapped && part.starts_with("ffn_")) part = part == "ffn_up" ? "ffn_down" : "ffn_up";
  for (const auto& [theirs, reference] : kInLayer) {
    if (part != theirs) continue;
    const std::string_view layer = name.substr(kBlock.size(), dot - kBlock.size());
    return fmt::format("vision_tower.encoder.layers.{}.{}{}", layer, reference, name.substr(last));
  }
  return std::string(name);
}

}  // namespace

std::unique_ptr<const PictureEncoder> open_mmproj(const WeightFile& bytes, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision) {
  const auto file = std::make_shared<const GgufFile>(bytes);
  const GgufMetadata& data = file->metadata();
  check_kind(data, bytes.origin);
  const Json json = vision_config(data);
  Config config;
  config.vision = clip::parse_vision_config({json, bytes.origin});
  config.vision_layers = config.vision.encoder.num_hidden_layers;
  config.text = text;
  const TokenId known = tokenizer.id("<image>");
  config.image_token = known >= 0 ? known : tokenizer.vocabulary_size();

  const TensorInfo* down = file->find("v.blk.0.ffn_down.weight");
  const bool swapped =
      down && down->shape == Shape{config.vision.encoder.intermediate_size, config.vision.encoder.hidden_size};
  const auto weights = renamed(without_blocks(file), bytes.origin,
                               [&](std::string_view name) { return std::optional(reference_name(name, swapped)); });
  WeightTable table;
  LlavaPictures::add_rows(table, config);
  table.check(*weights, bytes.origin);
  return std::make_unique<const LlavaPictures>(WeightScope(weights, precision), config,
                                               image_processor(data, bytes.origin, config.vision.image_size));
}

}  // namespace gaze::llava
