#include "tasks/asked_caption.h"

#include <limits>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "tasks/keep_caption.h"
#include "tasks/named_pictures.h"
#include "tasks/remote_chat.h"

namespace gaze {
namespace {

constexpr int kMaxTokens = 60;  // of a sentence, where nobody says otherwise

// All that decides the words beside picture and weights.
std::string settings_text(const std::string& question, const AnswerOptions& answer) {
  return dump_json({{"question", question},
                    {"max_tokens", *answer.max_tokens},
                    {"beams", answer.beams.value_or(1)},
                    {"repetition_penalty", answer.repetition_penalty.value_or(1)},
                    {"exif_rotation", answer.exif_rotation}});
}

}  // namespace

CaptionResult caption_by_asking(Library& library, VisualChat& chat, const ModelKey& model,
                                std::span<const std::filesystem::path> named, const CaptionOptions& options,
                                AnswerOptions answer, const CancelToken& cancel) {
  constexpr float kNoScore = std::numeric_limits<float>::quiet_NaN();
  CaptionResult result;
  std::vector<NamedPicture> inputs = gather_pictures(named, options.follow_links, cancel, result.failed);
  const std::string question = options.prompt.empty() ? caption_prompt(options.language) : options.prompt;
  if (!answer.max_tokens) answer.max_tokens = kMaxTokens;
  const CaptionKey key{model, settings_text(question, answer)};
  CaptionStore store(library);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    NamedPicture& input = inputs[i];
    CaptionedPicture picture{.image = input.image, .file = input.file};
    if (options.progress) options.progress(i, inputs.size());
    if (picture.image == "-") {
      throw Error(ErrorCode::usage, message("{} describes files, not standard input", chat.model()),
                  message("give the picture as a file"));
    }
    try {
      if (input.fault) throw Error(*input.fault);
      if (const auto kept = store.find(picture.file, key)) {
        picture.candidates = {{kept->text, kNoScore, {}}};
        ++result.reused;
      } else {
        chat.reset();
        VisualAnswer said = chat.ask({{picture.file.path}, question}, answer, cancel, {});
        picture.candidates = {{one_line(std::move(said.text)), kNoScore, {}}};
        keep_caption(store, key, picture);
      }
      if (options.on_caption) options.on_caption(picture);
      result.captions.push_back(std::move(picture));
    } catch (const Error& error) {
      const bool of_this_one = error.code() == ErrorCode::bad_image || error.code() == ErrorCode::not_found ||
                               error.code() == ErrorCode::image_too_large || error.code() == ErrorCode::limit_exceeded;
      if (!of_this_one) throw;
      if (is_no_picture(input, error)) {
        ++result.skipped;
      } else {
        result.failed.push_back({picture.image, error.code(), error.message()});
      }
    }
  }
  if (options.progress) options.progress(inputs.size(), inputs.size());
  return result;
}

}  // namespace gaze
