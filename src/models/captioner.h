// Models that put a picture into words: BLIP, the built-in model.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generate/decoder.h"
#include "generate/generation_config.h"
#include "media/image_processor.h"
#include "models/dual_encoder.h"
#include "ops/precision.h"
#include "text/tokenizer.h"

namespace gaze {

struct CaptionerInfo {
  std::string family;                  // config.json's model_type
  std::vector<std::string> languages;  // among which the user may choose; empty: the model speaks one
  bool takes_prompt = false;           // continues a beginning given by the user
  std::int64_t parameters = 0;
};

// Immutable after loading; may be used from several threads at once (each uses all compute threads). What decoder()
// returns belongs to one request and must not outlive the captioner.
class Captioner {
 public:
  virtual ~Captioner() = default;

  virtual const CaptionerInfo& info() const = 0;
  virtual Precision precision() const = 0;  // in force: never automatic
  virtual const ImageProcessor& image_processor() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;

  // Five beams, at most 30 tokens, early stopping, as in the reference's tutorial, unless the checkpoint says
  // otherwise; with the model's end token, and without what does not belong to `language` (as for start_tokens).
  virtual GenerationConfig generation_defaults(const std::string& language) const = 0;

  // What a caption begins with: start token, language, the user's prompt. `language` is "en", "zh" or empty.
  // Errors: usage (a language or a prompt that the model does not take).
  virtual std::vector<TokenId> start_tokens(const std::string& language, const std::string& prompt) const = 0;

  // Looks at pictures (float32 [batch, 3, height, width] as image_processor() makes them), ready to describe them.
  virtual std::unique_ptr<Decoder> decoder(const Tensor& pixels) const = 0;

  // The words of generated ids, special tokens left out.
  virtual std::string text(std::span<const TokenId> ids) const = 0;
};

// Opens a checkpoint folder of any supported captioner, by config.json's `architectures` / `model_type`.
// Errors: not_found, unsupported_model (lists what is supported), bad_weights.
std::unique_ptr<const Captioner> load_captioner(const std::filesystem::path& folder,
                                                Precision precision = Precision::automatic);

}  // namespace gaze
