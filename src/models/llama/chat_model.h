// A language model of the LLaMA architecture with all that a conversation needs: weights, tokenizer, template, ends,
// and eyes where it has them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "generate/generation_config.h"
#include "models/llama/decoder.h"
#include "models/picture_encoder.h"
#include "nn/weight_table.h"
#include "ops/precision.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "weights/weight_file.h"

namespace gaze::llama {

// Immutable after loading; may be used from several threads at once, each with a decoder of its own.
class ChatModel {
 public:
  // What a checkpoint folder and a GGUF file have in common.
  struct Parts {
    std::string origin;  // for messages
    Config config;
    std::shared_ptr<const WeightSource> weights;  // the language model's under "model" and "lm_head"
    std::unique_ptr<const Tokenizer> tokenizer;
    ChatTemplate chat_template{ChatForm::plain};
    std::string jinja;  // the program that it was recognised by; empty where there is none
    GenerationConfig defaults;
    // Of models that look at pictures: their rows of the weight table, and what binds them once it was checked.
    WeightTable table;
    std::function<std::unique_ptr<const PictureEncoder>()> make_pictures;
  };
  // f32: computed in float32 from what the weights stand for. Otherwise quantised weights are multiplied as they are;
  // weights in numbers are packed as bf16 where that was asked for, else quantised to Q8_0. Eyes are bound in their own
  // precision. Errors: bad_weights (all missing, extra and misshapen tensors), out_of_memory.
  ChatModel(Parts parts, Precision precision);

  std::int64_t parameters() const { return parameters_; }
  const Config& config() const { return parts_.config; }
  const Tokenizer& tokenizer() const { return *parts_.tokenizer; }
  const ChatTemplate& chat_template() const { return parts_.chat_template; }
  // nullptr: the model reads text only.
  const PictureEncoder* pictures() const { return pictures_.get(); }
  // The end tokens; all else is the caller's choice.
  const GenerationConfig& generation_defaults() const { return parts_.defaults; }

  // `capacity`: positions, prompt and answer together, at most max_position_embeddings. The model outlives it.
  std::unique_ptr<TextDecoder> decoder(std::int64_t capacity, KvCacheType type = KvCacheType::automatic) const {
    return std::make_unique<TextDecoder>(text_model_, capacity, type);
  }

 private:
  Parts parts_;
  std::int64_t parameters_;
  TextModel text_model_;
  std::unique_ptr<const PictureEncoder> pictures_;
};

// Whether a path is a GGUF file by its name.
bool is_gguf(const std::filesystem::path& path);

// What the bytes of a GGUF file hold. Errors: unsupported_model, bad_weights.
ChatModel::Parts gguf_parts(const WeightFile& file);
// The same as a model. Errors: also out_of_memory.
std::unique_ptr<const ChatModel> load_gguf(const WeightFile& file, Precision precision);

}  // namespace gaze::llama
