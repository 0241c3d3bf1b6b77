// A GGUF file of any bytes as the eyes of a language model: they look at a picture, or an Error.
#include <cstdint>

#include "base/check.h"
#include "base/error.h"
#include "media/encode.h"
#include "models/mmproj.h"
#include "text/gguf_vocabulary.h"

namespace {

using namespace gaze;

std::unique_ptr<const Tokenizer> words() {
  GgufVocabulary vocabulary{.model = "llama", .bos = 1, .eos = 2, .unk = 0};
  vocabulary.tokens = {"<unk>", "<s>", "</s>", "<image>", "<fake_token_around_image>", "<global-img>", "a"};
  vocabulary.token_types = {2, 3, 3, 3, 3, 3, 1};
  vocabulary.scores.assign(vocabulary.tokens.size(), 0);
  return make_gguf_tokenizer(vocabulary, "words");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = words();
  static const Bytes picture = [] {
    Image image{30, 20, std::vector<std::uint8_t>(30 * 20 * 3)};
    for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(7 * i);
    return encode_jpeg(image, 90);
  }();
  llama::Config text;
  text.hidden_size = 24;  // the seeds' language models'
  try {
    const auto eyes =
        open_mmproj({std::as_bytes(std::span(data, size)), nullptr, "input"}, text, *tokenizer, Precision::f32);
    const EncodedPicture seen = eyes->encode(picture, "picture", {});
    GAZE_CHECK(seen.vectors.size(1) == text.hidden_size);
    eyes->places(seen, 30, 20);
  } catch (const Error& error) {
    GAZE_CHECK(error.code() != ErrorCode::internal);
  }
  return 0;
}
