#include "tasks/open_model.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

template <class Load>
auto open(const ModelEntry& entry, const Load& load) {
  try {
    return load(entry.path);
  } catch (const Error& error) {
    if (!entry.built_in || error.code() == ErrorCode::unsupported_model) throw;
    throw Error(error.code(), message("the built-in model is damaged: {}", error.message()),
                message("get it back with `git checkout models/{}`, or install gaze again", kBuiltInModel));
  }
}

}  // namespace

std::unique_ptr<const DualEncoder> open_dual_encoder(const ModelEntry& entry, const LoadOptions& options) {
  return open(entry, [&](const auto& folder) { return load_dual_encoder(folder, options); });
}

std::unique_ptr<const Captioner> open_captioner(const ModelEntry& entry, Precision precision) {
  return open(entry, [&](const auto& folder) { return load_captioner(folder, precision); });
}

std::unique_ptr<const PictureAnswerer> open_picture_answerer(const ModelEntry& entry, Precision precision) {
  return open(entry, [&](const auto& folder) { return load_picture_answerer(folder, precision); });
}

std::unique_ptr<const PictureMatcher> open_picture_matcher(const ModelEntry& entry, Precision precision) {
  return open(entry, [&](const auto& folder) { return load_picture_matcher(folder, precision); });
}

}  // namespace gaze
