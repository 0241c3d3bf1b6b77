#include "models/clip/clip.h"

#include "models/clip/family.h"
#include "models/clip/text_tower.h"

namespace gaze {

std::unique_ptr<const DualEncoder> load_clip(const Checkpoint& checkpoint, const LoadOptions& options) {
  const clip::Config config = clip::parse_config(checkpoint.config, checkpoint.config_name());
  return clip::load_family<clip::TextTower>("clip", checkpoint, config, options);
}

}  // namespace gaze
