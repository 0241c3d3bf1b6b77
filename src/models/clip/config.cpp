#include "models/clip/config.h"

namespace gaze::clip {
namespace {

constexpr int kMostLayers = 1000;  // far above any published one; the weight table has rows for each

// Old checkpoints carry text_config_dict and vision_config_dict; where present their values win.
Json tower(const Json& json, const std::string& name) {
  Json merged = Json::object();
  for (const std::string& key : {name, name + "_dict"}) {
    if (const auto found = json.find(key); found != json.end() && found->is_object()) merged.update(*found);
  }
  return merged;
}

EncoderConfig encoder(const ConfigReader& reader, EncoderConfig absent) {
  EncoderConfig config;
  config.hidden_size = reader.integer("hidden_size", absent.hidden_size);
  config.num_hidden_layers = reader.integer("num_hidden_layers", absent.num_hidden_layers, kMostLayers);
  config.num_attention_heads = reader.integer("num_attention_heads", absent.num_attention_heads);
  config.intermediate_size = reader.integer("intermediate_size", absent.intermediate_size);
  config.hidden_act = reader.activation("hidden_act", "quick_gelu");
  config.layer_norm_eps = reader.number("layer_norm_eps", 1e-5f);
  reader.require_divides("num_attention_heads", config.num_attention_heads, "hidden_size", config.hidden_size);
  return config;
}

}  // namespace

VisionConfig parse_vision_config(const ConfigReader& reader) {
  VisionConfig vision;
  vision.encoder = encoder(
      reader, {.hidden_size = 768, .num_hidden_layers = 12, .num_attention_heads = 12, .intermediate_size = 3072});
  vision.image_size = reader.integer("image_size", 224, 1 << 14);
  vision.patch_size = reader.integer("patch_size", 32, vision.image_size);
  vision.num_channels = reader.integer("num_channels", 3, 3);
  return vision;
}

Config parse_config(const Json& json, const std::string& origin) {
  Config config;
  const ConfigReader whole(json, origin);
  config.projection_dim = whole.integer("projection_dim", 512);
  const Json vision = tower(json, "vision_config"), text = tower(json, "text_config");
  config.vision = parse_vision_config({vision, origin + ": vision_config"});

  const ConfigReader reader(text, origin + ": text_config");
  config.text.encoder = encoder(
      reader, {.hidden_size = 512, .num_hidden_layers = 12, .num_attention_heads = 8, .intermediate_size = 2048});
  config.text.vocab_size = reader.integer("vocab_size", 49408, 1 << 24);
  config.text.max_position_embeddings = reader.integer("max_position_embeddings", 77);
  config.text.eos_token_id = reader.id("eos_token_id", 49407);
  return config;
}

}  // namespace gaze::clip
