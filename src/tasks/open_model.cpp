#include "tasks/open_model.h"

#include "base/error.h"
#include "base/message.h"

namespace gaze {

std::unique_ptr<const DualEncoder> open_dual_encoder(const ModelEntry& entry, const LoadOptions& options) {
  try {
    return load_dual_encoder(entry.path, options);
  } catch (const Error& error) {
    if (!entry.built_in) throw;
    throw Error(error.code(), message("the built-in model is damaged: {}", error.message()),
                message("get it back with `git checkout models/{}`, or install gaze again", kBuiltInModel));
  }
}

}  // namespace gaze
