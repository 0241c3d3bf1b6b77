#include "models/llava/config.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze::llava {
namespace {

void require_type(const ConfigReader& part, std::string_view type) {
  const std::string found = part.text("model_type", type);
  if (found == type) return;
  throw Error(ErrorCode::unsupported_model, message("{}: not supported: {}", part.origin(), found),
              message("supported: {}", type));
}

// vision_feature_layer counts hidden states: 0 is what the first layer reads, -1 what the last one gives.
int vision_layers(const ConfigReader& reader, int layers) {
  const int index = reader.id("vision_feature_layer", -2);
  const int count = index < 0 ? layers + 1 + index : index;
  if (count < 0 || count > layers) reader.refuse("vision_feature_layer");
  return count;
}

}  // namespace

Config parse_config(const ConfigReader& reader) {
  Config config;
  const ConfigReader vision = reader.child("vision_config"), text = reader.child("text_config");
  require_type(vision, "clip_vision_model");
  require_type(text, "llama");
  if (reader.has("vision_config")) {
    config.vision = clip::parse_vision_config(vision);
  } else {  // the reference's default is the tower of LLaVA-1.5, CLIP ViT-L/14 at 336
    config.vision = {.encoder = {.hidden_size = 1024,
                                 .num_hidden_layers = 24,
                                 .num_attention_heads = 16,
                                 .intermediate_size = 4096,
                                 .hidden_act = Activation::quick_gelu},
                     .image_size = 336,
                     .patch_size = 14};
  }
  config.text = llama::parse_config(text);
  config.image_token = reader.id("image_token_id", reader.id("image_token_index", 32000));
  if (config.image_token < 0) reader.refuse("image_token_index");
  config.vision_layers = vision_layers(reader, config.vision.encoder.num_hidden_layers);
  const std::string strategy = reader.text("vision_feature_select_strategy", "default");
  if (strategy != "default" && strategy != "full") reader.refuse("vision_feature_select_strategy");
  config.class_token = strategy == "full";
  config.projector_hidden_act = reader.activation("projector_hidden_act", "gelu");
  config.projector_bias = reader.boolean("multimodal_projector_bias", true);
  return config;
}

}  // namespace gaze::llava
