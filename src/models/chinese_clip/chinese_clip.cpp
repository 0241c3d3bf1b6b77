#include "models/chinese_clip/chinese_clip.h"

#include "models/chinese_clip/text_tower.h"
#include "models/clip/family.h"

namespace gaze {
namespace {

struct Config {
  clip::VisionConfig vision;
  chinese_clip::TextConfig text;
  int projection_dim = 512;
};

Config parse_config(const Json& json, const std::string& origin) {
  const ConfigReader whole(json, origin);
  return {.vision = clip::parse_vision_config(whole.child("vision_config")),
          .text = chinese_clip::parse_text_config(whole.child("text_config")),
          .projection_dim = whole.integer("projection_dim", 512)};
}

}  // namespace

std::unique_ptr<const DualEncoder> load_chinese_clip(const Checkpoint& checkpoint, const LoadOptions& options) {
  const Config config = parse_config(checkpoint.config, checkpoint.config_name());
  return clip::load_family<chinese_clip::TextTower>("chinese_clip", checkpoint, config, options);
}

}  // namespace gaze
