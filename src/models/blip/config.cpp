#include "models/blip/config.h"

namespace gaze::blip {
namespace {

EncoderConfig parse_encoder(const ConfigReader& reader, int heads, float epsilon, NormPlacement norm) {
  EncoderConfig config{.hidden_size = reader.integer("hidden_size", 768),
                       .num_hidden_layers = reader.integer("num_hidden_layers", 12, 1000),
                       .num_attention_heads = reader.integer("num_attention_heads", heads),
                       .intermediate_size = reader.integer("intermediate_size", 3072),
                       .hidden_act = reader.activation("hidden_act", "gelu"),
                       .layer_norm_eps = reader.number("layer_norm_eps", epsilon),
                       .norm = norm};
  reader.require_divides("num_attention_heads", config.num_attention_heads, "hidden_size", config.hidden_size);
  return config;
}

}  // namespace

Config parse_config(const Json& json, const std::string& origin) {
  const ConfigReader whole(json, origin), vision = whole.child("vision_config"), text = whole.child("text_config");
  Config config;
  config.vision.encoder = parse_encoder(vision, 12, 1e-5f, NormPlacement::before);
  config.vision.image_size = vision.integer("image_size", 384, 1 << 14);
  config.vision.patch_size = vision.integer("patch_size", 16, config.vision.image_size);
  config.text.encoder = parse_encoder(text, 8, 1e-12f, NormPlacement::after);
  config.text.vocab_size = text.integer("vocab_size", 30524, 1 << 24);
  config.text.max_position_embeddings = text.integer("max_position_embeddings", 512);
  config.text.bos_token_id = text.id("bos_token_id", 30522);
  config.text.sep_token_id = text.id("sep_token_id", 102);
  config.image_text_hidden_size = whole.integer("image_text_hidden_size", 256);
  return config;
}

}  // namespace gaze::blip
