#include "providers/remote_model.h"

#include "base/message.h"
#include "providers/keys.h"
#include "providers/openai.h"

namespace gaze {

std::unique_ptr<RemoteModel> open_remote_model(const ModelSpec& spec, const RemoteOptions& options) {
  return std::make_unique<OpenAiModel>(spec, find_key(spec), options);
}

}  // namespace gaze
