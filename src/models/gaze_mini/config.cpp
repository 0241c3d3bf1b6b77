#include "models/gaze_mini/config.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze::gaze_mini {
namespace {

[[noreturn]] void refuse(const std::string& origin, const char* what) {
  throw Error(ErrorCode::bad_weights, message("{}: {} makes no sense", origin, what));
}

EncoderConfig parse_layers(const ConfigReader& reader) {
  EncoderConfig config{.hidden_size = reader.integer("hidden_size", 256),
                       .num_hidden_layers = reader.integer("num_hidden_layers", 4, 1000),
                       .num_attention_heads = reader.integer("num_attention_heads", 4),
                       .intermediate_size = reader.integer("intermediate_size", 1024),
                       .hidden_act = reader.activation("hidden_act", "gelu"),
                       .layer_norm_eps = reader.number("layer_norm_eps", 1e-5f)};
  reader.require_divides("num_attention_heads", config.num_attention_heads, "hidden_size", config.hidden_size);
  return config;
}

void append_stage(const Json& stage, const std::string& origin, VisionConfig& config) {
  const ConfigReader reader(stage, origin);
  const int kernel = reader.integer("kernel_size", 3), stride = reader.integer("stride", 1);
  const int ratio = reader.integer("expand_ratio", 6, 64), repeats = reader.integer("repeats", 1, 1000);
  const int in = reader.integer("in_channels", 1, 1 << 14), out = reader.integer("out_channels", 1, 1 << 14);
  const int before = config.blocks.empty() ? config.stem_channels : config.blocks.back().out_channels;
  if ((kernel != 3 && kernel != 5) || stride > 2) refuse(origin, "vision_config.blocks: kernel_size or stride");
  if (in != before || in % 2 != 0 || out % 2 != 0) refuse(origin, "vision_config.blocks: in_channels or out_channels");
  for (int i = 0; i < repeats; ++i) {
    const int channels = i == 0 ? in : out;
    config.blocks.push_back({kernel, i == 0 ? stride : 1, channels, channels * ratio, out, ratio != 1});
  }
}

VisionConfig parse_vision(const Json& json, const std::string& origin) {
  const ConfigReader reader(json, origin), stem = reader.child("stem");
  VisionConfig config{.image_size = reader.integer("image_size", 260, 4096),
                      .stem_channels = stem.integer("out_channels", 32, 1 << 14),
                      .stem_kernel = stem.integer("kernel_size", 3, 15),
                      .stem_stride = stem.integer("stride", 2, 8),
                      .hidden_size = reader.integer("hidden_size", 1280)};
  const auto stages = json.find("blocks");
  if (stages == json.end() || !stages->is_array() || stages->empty() || stages->size() > 100) {
    refuse(origin, "vision_config.blocks");
  }
  for (const Json& stage : *stages) append_stage(stage, origin, config);
  if (const auto mirror = json.find("mirror"); mirror != json.end()) {
    if (!mirror->is_boolean()) refuse(origin, "vision_config.mirror");
    config.mirror = mirror->get<bool>();
  }
  return config;
}

const Json& part(const Json& json, const char* name, const std::string& origin) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_object()) refuse(origin, name);
  return *found;
}

}  // namespace

int VisionConfig::map_side() const {
  const auto halved = [](int size, int stride) { return (size + stride - 1) / stride; };
  int side = halved(image_size, stem_stride);
  for (const BlockConfig& block : blocks) side = halved(side, block.stride);
  return side;
}

Config parse_config(const Json& json, const std::string& origin) {
  const ConfigReader top(json, origin);
  const ConfigReader text(part(json, "text_config", origin), origin);
  const ConfigReader decoder(part(json, "decoder_config", origin), origin);
  Config config{.vision = parse_vision(part(json, "vision_config", origin), origin),
                .text = {.encoder = parse_layers(text),
                         .vocab_size = text.integer("vocab_size", 8192),
                         .max_position_embeddings = text.integer("max_position_embeddings", 64)},
                .decoder = {.layers = parse_layers(decoder),
                            .vocab_size = decoder.integer("vocab_size", 8192),
                            .max_position_embeddings = decoder.integer("max_position_embeddings", 32),
                            .eos_token_id = decoder.id("eos_token_id", 3)},
                .projection_dim = top.integer("projection_dim", 384),
                .layer_norm_eps = top.number("layer_norm_eps", 1e-5f)};
  const ConfigReader languages = decoder.child("language_token_ids");
  for (const char* language : {"en", "zh"}) {
    const TokenId token = languages.id(language, -1);
    if (token < 0 || token >= config.decoder.vocab_size) refuse(origin, "decoder_config.language_token_ids");
    config.decoder.language_token_ids[language] = token;
  }
  return config;
}

}  // namespace gaze::gaze_mini
