#include "providers/remote_model.h"

#include "base/message.h"
#include "providers/gemini.h"
#include "providers/keys.h"
#include "providers/openai.h"

namespace gaze {
namespace {

[[noreturn]] void throw_unable(const RemoteModel& model, const std::string& what) {
  throw Error(ErrorCode::unsupported_model, message("{}: cannot {}", model.spec().text, what));
}

}  // namespace

HttpRequest RemoteModel::image_request(const ImageRequest&) const {
  throw_unable(*this, message("make pictures"));
}
std::vector<GeneratedImage> RemoteModel::generate_images(const ImageRequest&, const CancelToken&) const {
  throw_unable(*this, message("make pictures"));
}
void RemoteModel::throw_needs_prompt() const {
  throw Error(ErrorCode::usage, message("{} makes no variations of pictures: it needs a prompt", spec().text),
              message("say what is to be changed, or take openai:dall-e-2"));
}
HttpRequest RemoteModel::embed_request(const std::vector<std::string>&, int) const {
  throw_unable(*this, message("make vectors"));
}
TextVectors RemoteModel::embed(const std::vector<std::string>&, int, const CancelToken&) const {
  throw_unable(*this, message("make vectors"));
}

std::unique_ptr<RemoteModel> open_remote_model(const ModelSpec& spec, const RemoteOptions& options) {
  if (spec.service == Service::gemini) return std::make_unique<GeminiModel>(spec, find_key(spec), options);
  return std::make_unique<OpenAiModel>(spec, find_key(spec), options);
}

}  // namespace gaze
