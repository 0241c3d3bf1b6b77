#include "models/llava/config.h"

#include "base/error.h"
#include "base/message.h"
#include "models/llava/own_layout.h"

namespace gaze::llava {
int parse_vision_layers(const ConfigReader& reader, const char* key, int layers) {
  const int index = reader.id(key, -2);
  const int count = index < 0 ? layers + 1 + index : index;
  if (count < 0 || count > layers) reader.refuse(key);
  return count;
}

Config parse_config(const ConfigReader& reader) {
  Config config;
  const ConfigReader vision = reader.child("vision_config"), text = reader.child("text_config");
  if (const std::string type = vision.text("model_type", "clip_vision_model"); type != "clip_vision_model") {
    throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", vision.origin(), type),
                message("supported: {}", "clip_vision_model"));
  }
  config.vision = reader.has("vision_config") ? clip::parse_vision_config(vision) : usual_tower();
  config.text = llama::parse_config(text);
  config.image_token = reader.id("image_token_id", reader.id("image_token_index", 32000));
  if (config.image_token < 0) reader.refuse("image_token_index");
  config.vision_layers = parse_vision_layers(reader, "vision_feature_layer", config.vision.encoder.num_hidden_layers);
  const std::string strategy = reader.text("vision_feature_select_strategy", "default");
  if (strategy != "default" && strategy != "full") reader.refuse("vision_feature_select_strategy");
  config.class_token = strategy == "full";
  config.projector_hidden_act = reader.activation("projector_hidden_act", "gelu");
  config.projector_bias = reader.boolean("multimodal_projector_bias", true);
  return config;
}

}  // namespace gaze::llava
