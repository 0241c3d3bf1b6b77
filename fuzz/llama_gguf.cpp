// A GGUF file of any bytes as a language model: it reads a question and says a few words, or an Error.
#include <cstdint>

#include "base/check.h"
#include "base/error.h"
#include "generate/generate.h"
#include "models/llama/chat_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gaze;
  try {
    const auto model = llama::load_gguf({std::as_bytes(std::span(data, size)), nullptr, "input"}, Precision::automatic);
    const ChatLine line{ChatRole::user, "abcd <|im_start|> w3"};
    const std::vector<std::vector<TokenId>> prompts{model->chat_template().encode({&line, 1}, model->tokenizer())};
    const auto length = static_cast<std::int64_t>(prompts[0].size());
    if (length == 0 || length + 3 > model->config().max_position_embeddings) return 0;
    GenerationConfig config = model->generation_defaults();
    config.max_length = static_cast<int>(length) + 3;
    const auto decoder = model->decoder(config.max_length);
    model->tokenizer().decode(generate(*decoder, prompts, config)[0][0].ids);
  } catch (const Error& error) {
    GAZE_CHECK(error.code() != ErrorCode::internal);
  }
  return 0;
}
