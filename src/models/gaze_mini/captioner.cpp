#include "models/gaze_mini/captioner.h"

#include <charconv>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "models/gaze_mini/gaze_mini.h"
#include "models/gaze_mini/picture_network.h"
#include "ops/elementwise.h"
#include "ops/scratch.h"

namespace gaze {
namespace gaze_mini {
namespace {

const CrossLayerNames& layer_names() {
  static const CrossLayerNames names = [] {
    CrossLayerNames all{.layer = clip_layer_names(),
                        .query = "cross_attn.q_proj",
                        .key = "cross_attn.k_proj",
                        .value = "cross_attn.v_proj",
                        .output = "cross_attn.out_proj",
                        .norm = "layer_norm2"};
    all.layer.mlp_norm = "layer_norm3";
    return all;
  }();
  return names;
}

}  // namespace

CaptionDecoder::CaptionDecoder(const WeightScope& scope, const DecoderConfig& config)
    : config_(config),
      activation_dtype_(scope.activation_dtype()),
      map_projection_(scope / "map_projection"),
      pooled_projection_(scope / "pooled_projection"),
      picture_position_embedding_(scope.f32("picture_position_embedding")),
      picture_layer_norm_(scope / "picture_layer_norm", config.layers.layer_norm_eps),
      token_embedding_((scope / "embeddings" / "token_embedding").tensor("weight")),
      position_embedding_((scope / "embeddings" / "position_embedding").f32("weight")),
      final_layer_norm_(scope / "final_layer_norm", config.layers.layer_norm_eps),
      logits_(token_embedding_, Tensor(), scope.precision()) {
  for (int i = 0; i < config.layers.num_hidden_layers; ++i) {
    layers_.emplace_back(scope / "layers" / i, config.layers, layer_names());
  }
}

void CaptionDecoder::add_rows(WeightTable& table, const std::string& scope, const Config& config) {
  const DecoderConfig& decoder = config.decoder;
  const int width = decoder.layers.hidden_size, side = config.vision.map_side();
  table.add_linear(scope + ".map_projection", config.vision.map_channels(), width);
  table.add_linear(scope + ".pooled_projection", config.vision.hidden_size, width);
  table.add(scope + ".picture_position_embedding", {side * side + 1, width});
  table.add_norm(scope + ".picture_layer_norm", width);
  table.add(scope + ".embeddings.token_embedding.weight", {decoder.vocab_size, width});
  table.add(scope + ".embeddings.position_embedding.weight", {decoder.max_position_embeddings, width});
  for (int i = 0; i < decoder.layers.num_hidden_layers; ++i) {
    CrossLayer::add_rows(table, fmt::format("{}.layers.{}", scope, i), decoder.layers, width, layer_names());
  }
  table.add_norm(scope + ".final_layer_norm", width);
}

Tensor CaptionDecoder::picture(const Tensor& feature_map, const Tensor& pooled) const {
  const std::int64_t pictures = pooled.size(0), positions = feature_map.size(1), width = hidden_size();
  Tensor memory = Tensor::empty({pictures, positions + 1, width}, DType::f32);
  for (std::int64_t i = 0; i < pictures; ++i) {
    Tensor one = memory.rows(i, i + 1).reshaped({positions + 1, width});
    Tensor map = one.rows(0, positions), last = one.rows(positions, positions + 1);
    map_projection_(feature_map.rows(i, i + 1), map);
    pooled_projection_(pooled.rows(i, i + 1), last);
  }
  add_broadcast(memory, picture_position_embedding_);
  picture_layer_norm_(memory, memory);
  return memory;
}

void CaptionDecoder::embed(std::span<const TokenId> ids, std::int64_t length, std::int64_t first,
                           Tensor& hidden) const {
  gather_rows(token_embedding_, ids, hidden);
  add_broadcast(hidden, position_embedding_.rows(first, first + length));
}

void CaptionDecoder::head(Tensor& hidden, Tensor& logits) const {
  final_layer_norm_(hidden, hidden);
  logits_(hidden, logits);
}

}  // namespace gaze_mini

namespace {

using gaze_mini::CaptionDecoder;
using gaze_mini::Config;
using gaze_mini::PictureNetwork;

// The byte of a piece such as "<0x41>", or -1.
int byte_of(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  int byte = -1;
  std::from_chars(piece.data() + 3, piece.data() + 5, byte, 16);
  return byte;
}

bool is_english(std::string_view piece) {
  if (const int byte = byte_of(piece); byte >= 0) return byte < 0x80;
  constexpr std::string_view kSpace = "\u2581";
  while (!piece.empty()) {
    if (piece.starts_with(kSpace)) {
      piece.remove_prefix(kSpace.size());
    } else if (static_cast<unsigned char>(piece.front()) < 0x80) {
      piece.remove_prefix(1);
    } else {
      return false;
    }
  }
  return true;
}

// A single Latin letter may stand in Chinese, as in t恤.
bool is_chinese(std::string_view piece) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (byte_of(piece) >= 0) return true;
  for (std::size_t i = 1; i < piece.size(); ++i) {
    if (letter(piece[i - 1]) && letter(piece[i])) return false;
  }
  return true;
}

class GazeMiniCaptioner final : public Captioner {
 public:
  GazeMiniCaptioner(const Checkpoint& checkpoint, const Config& config, const WeightScope& scope)
      : config_(config),
        precision_(scope.precision()),
        image_processor_(open_image_processor(checkpoint.folder, config.vision.image_size)),
        tokenizer_(open_tokenizer(checkpoint.folder)),
        vision_model_(scope / "vision_model", config.vision),
        decoder_(scope / "decoder", config.decoder) {
    info_ = {.family = "gaze_mini", .languages = {"en", "zh"}, .parameters = count_parameters(*checkpoint.weights)};
    defaults_ = {.max_length = 30,
                 .num_beams = 5,
                 .early_stopping = EarlyStopping::yes,
                 .eos_token_ids = {config.decoder.eos_token_id}};
    const std::filesystem::path settings = checkpoint.folder / "generation_config.json";
    if (std::filesystem::exists(settings)) {
      apply_generation_config(read_json_file(settings), settings.string(), defaults_);
    }
    for (TokenId id = 0; id < tokenizer_->vocabulary_size(); ++id) {
      if (tokenizer_->is_special(id)) continue;
      const std::string piece = tokenizer_->token(id);
      if (!is_english(piece)) not_english_.push_back(id);
      if (!is_chinese(piece)) not_chinese_.push_back(id);
    }
  }

  const CaptionerInfo& info() const override { return info_; }
  Precision precision() const override { return precision_; }
  const ImageProcessor& image_processor() const override { return image_processor_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  GenerationConfig generation_defaults(const std::string& language) const override {
    GenerationConfig config = defaults_;
    const auto& foreign = language == "zh" ? not_chinese_ : not_english_;
    config.suppress_tokens.insert(config.suppress_tokens.end(), foreign.begin(), foreign.end());
    return config;
  }

  std::vector<TokenId> start_tokens(const std::string& language, const std::string& prompt) const override {
    if (!prompt.empty()) {
      throw Error(ErrorCode::usage, message("this model does not continue a beginning given to it"),
                  message("leave out --prompt, or choose a BLIP model"));
    }
    const auto token = config_.decoder.language_token_ids.find(language.empty() ? "en" : language);
    if (token == config_.decoder.language_token_ids.end()) {
      throw Error(ErrorCode::usage, message("this model does not speak \"{}\"", language), message("choose en or zh"));
    }
    return {token->second};
  }

  std::unique_ptr<Decoder> decoder(const Tensor& pixels) const override {
    const std::int64_t pictures = pixels.size(0), side = config_.vision.map_side();
    Scratch::Frame frame;
    Tensor pooled = frame.tensor({pictures, config_.vision.hidden_size}, DType::f32);
    Tensor map = frame.tensor({pictures, side * side, config_.vision.map_channels()}, DType::f32);
    vision_model_.run(pixels, pooled, map);
    return std::make_unique<CrossDecoder>(decoder_, decoder_.picture(map, pooled));
  }

  std::string text(std::span<const TokenId> ids) const override { return tokenizer_->decode(ids); }

 private:
  Config config_;
  CaptionerInfo info_;
  Precision precision_;
  GenerationConfig defaults_;
  ImageProcessor image_processor_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::vector<TokenId> not_english_, not_chinese_;  // what captions of a language never contain
  PictureNetwork vision_model_;
  CaptionDecoder decoder_;
};

}  // namespace

std::unique_ptr<const Captioner> load_gaze_mini_captioner(const Checkpoint& checkpoint, Precision precision) {
  const Config config = gaze_mini::parse_config(checkpoint.config, checkpoint.config_name());
  const WeightScope scope(gaze_mini::checked_weights(checkpoint, config), precision);
  return std::make_unique<const GazeMiniCaptioner>(checkpoint, config, scope);
}

}  // namespace gaze
