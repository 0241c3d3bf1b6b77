#include "models/mmproj.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "models/idefics3/mmproj.h"
#include "models/llava/mmproj.h"

namespace gaze {
namespace {

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

[[noreturn]] void refuse_kind(const std::string& origin, std::string_view what) {
  throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", origin, to_valid_utf8(what)),
              message("supported: {}", "clip.projector_type mlp (LLaVA-1.5), idefics3 (SmolVLM)"));
}

}  // namespace

std::unique_ptr<const PictureEncoder> open_mmproj(const WeightFile& bytes, const llama::Config& text,
                                                  const Tokenizer& tokenizer, Precision precision) {
  const auto file = std::make_shared<const GgufFile>(bytes);
  const GgufMetadata& data = file->metadata();
  if (const auto kind = data.text("general.architecture"); kind != "clip") refuse_kind(bytes.origin, kind);
  for (const char* key : {"clip.vision.image_grid_pinpoints", "clip.vision.feature_layer"}) {
    if (data.has(key)) refuse_kind(bytes.origin, key);
  }
  const auto kind = data.text("clip.projector_type", "mlp");
  if (kind == "mlp") return llava::open_mmproj(file, bytes.origin, text, tokenizer, precision);
  if (kind == "idefics3") return idefics3::open_mmproj(file, bytes.origin, text, tokenizer, precision);
  refuse_kind(bytes.origin, kind);
}

Json mmproj_vision_config(const GgufMetadata& data, std::string_view hidden_act) {
  const auto integer = [&](const char* key) { return data.integer(fmt::format("clip.vision.{}", key)); };
  return {{"hidden_size", integer("embedding_length")},
          {"intermediate_size", integer("feed_forward_length")},
          {"num_hidden_layers", integer("block_count")},
          {"num_attention_heads", integer("attention.head_count")},
          {"image_size", integer("image_size")},
          {"patch_size", integer("patch_size")},
          {"layer_norm_eps", data.number("clip.vision.attention.layer_norm_epsilon")},
          {"hidden_act", hidden_act}};
}

std::optional<std::string> mmproj_layer_name(std::string_view name, bool swapped) {
  constexpr std::string_view kBlock = "v.blk.";
  const std::size_t dot = name.find('.', kBlock.size()), last = name.rfind('.');
  if (!name.starts_with(kBlock) || dot == std::string_view::npos || last <= dot) return {};
  std::string_view part = name.substr(dot + 1, last - dot - 1);
  if (swapped && part.starts_with("ffn_")) part = part == "ffn_up" ? "ffn_down" : "ffn_up";
  for (const auto& [theirs, reference] : kInLayer) {
    if (part != theirs) continue;
    return fmt::format("encoder.layers.{}.{}{}", name.substr(kBlock.size(), dot - kBlock.size()), reference,
                       name.substr(last));
  }
  return {};
}

}  // namespace gaze
