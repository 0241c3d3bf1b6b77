#include "models/idefics3/config.h"

#include <utility>

namespace gaze::idefics3 {

Config parse_config(const ConfigReader& reader) {
  return parse_config(reader, llama::parse_config(reader.child("text_config")));
}

Config parse_config(const ConfigReader& reader, llama::Config text) {
  Config config;
  const ConfigReader vision = reader.child("vision_config");
  config.vision.encoder = {.hidden_size = vision.integer("hidden_size", 1152),
                           .num_hidden_layers = vision.integer("num_hidden_layers", 12, 1000),
                           .num_attention_heads = vision.integer("num_attention_heads", 16),
                           .intermediate_size = vision.integer("intermediate_size", 3072),
                           .hidden_act = vision.activation("hidden_act", "gelu_pytorch_tanh"),
                           .layer_norm_eps = vision.number("layer_norm_eps", 1e-6f)};
  vision.require_divides("num_attention_heads", config.vision.encoder.num_attention_heads, "hidden_size",
                         config.vision.encoder.hidden_size);
  config.vision.image_size = vision.integer("image_size", 224, 1 << 12);
  config.vision.patch_size = vision.integer("patch_size", 32, config.vision.image_size);
  vision.require_divides("patch_size", config.vision.patch_size, "image_size", config.vision.image_size);

  config.text = std::move(text);
  config.image_token = reader.id("image_token_id", 128257);
  if (config.image_token < 0) reader.refuse("image_token_id");
  config.scale_factor = reader.integer("scale_factor", 2, config.vision.side());
  if (config.vision.side() % config.scale_factor != 0) reader.refuse("scale_factor");
  return config;
}

}  // namespace gaze::idefics3
