// Models that read a picture together with a text: answers to questions, and whether the two belong together.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generate/decoder.h"
#include "generate/generation_config.h"
#include "media/image_processor.h"
#include "ops/precision.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace gaze {

struct PictureQuestionInfo {
  std::string family;      // config.json's model_type
  int context_length = 0;  // longest text in tokens, special ones counted
  std::int64_t parameters = 0;
};

// Answers short questions about one picture in a few words (BLIP-VQA). Immutable; safe to share between threads.
class PictureAnswerer {
 public:
  virtual ~PictureAnswerer() = default;

  virtual const PictureQuestionInfo& info() const = 0;
  virtual Precision precision() const = 0;  // in force: never automatic
  virtual const ImageProcessor& image_processor() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual GenerationConfig generation_defaults() const = 0;

  // pixels: float32 [1, 3, height, width]; question: ids with special tokens, at most context_length. What it returns
  // has read both, starts from start_tokens(), and must not outlive the model.
  virtual std::unique_ptr<Decoder> decoder(const Tensor& pixels, std::span<const TokenId> question) const = 0;
  virtual std::vector<TokenId> start_tokens() const = 0;
};

// Says whether a text describes a picture, looking at both together (BLIP-ITM). Immutable; safe to share.
class PictureMatcher {
 public:
  virtual ~PictureMatcher() = default;

  virtual const PictureQuestionInfo& info() const = 0;
  virtual Precision precision() const = 0;
  virtual const ImageProcessor& image_processor() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;

  struct Scores {
    float no = 0, yes = 0;  // the two logits; their softmax is the probability
  };
  // One picture (float32 [1, 3, height, width]) with several texts (ids with special tokens).
  virtual std::vector<Scores> match(const Tensor& pixels, std::span<const std::vector<TokenId>> texts) const = 0;
};

// Open a checkpoint folder by config.json's `architectures`. Errors: not_found, unsupported_model, bad_weights.
std::unique_ptr<const PictureAnswerer> load_picture_answerer(const std::filesystem::path& folder,
                                                             Precision precision = Precision::automatic);
std::unique_ptr<const PictureMatcher> load_picture_matcher(const std::filesystem::path& folder,
                                                           Precision precision = Precision::automatic);

}  // namespace gaze
