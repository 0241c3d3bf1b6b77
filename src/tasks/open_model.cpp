#include "tasks/open_model.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

template <class Load>
auto explained(const ModelEntry& entry, const Load& load) {
  try {
    return load(entry.path);
  } catch (const Error& error) {
    if (!entry.built_in || error.code() == ErrorCode::unsupported_model || error.code() == ErrorCode::out_of_memory) {
      throw;
    }
    throw Error(error.code(), message("the built-in model is damaged: {}", error.message()),
                ModelStore::how_to_restore_built_in());
  }
}

}  // namespace

std::unique_ptr<const DualEncoder> open_dual_encoder(const ModelEntry& entry, const LoadOptions& options) {
  return explained(entry, [&](const auto& folder) { return load_dual_encoder(folder, options); });
}

std::unique_ptr<const Captioner> open_captioner(const ModelEntry& entry, Precision precision) {
  return explained(entry, [&](const auto& folder) { return load_captioner(folder, precision); });
}

std::unique_ptr<const PictureAnswerer> open_picture_answerer(const ModelEntry& entry, Precision precision) {
  return explained(entry, [&](const auto& folder) { return load_picture_answerer(folder, precision); });
}

std::unique_ptr<const PictureMatcher> open_picture_matcher(const ModelEntry& entry, Precision precision) {
  return explained(entry, [&](const auto& folder) { return load_picture_matcher(folder, precision); });
}

}  // namespace gaze
