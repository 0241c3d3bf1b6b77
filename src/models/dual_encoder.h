// Models that put pictures and texts into one space: CLIP, Chinese-CLIP, SigLIP, the built-in model.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "media/image_processor.h"
#include "ops/precision.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace gaze {

struct DualEncoderInfo {
  std::string family;      // config.json's model_type
  int dimension = 0;       // of the shared space
  int context_length = 0;  // longest text in tokens, special ones counted
  // logit = cosine · logit_scale + logit_bias (logit_scale already exponentiated).
  float logit_scale = 1;
  float logit_bias = 0;
  // Probabilities over the texts of one picture: softmax (they compete) or sigmoid (each for itself).
  bool sigmoid = false;
  std::int64_t parameters = 0;
};

// Immutable after loading; encode_* may be called from several threads at once (each uses all compute threads).
class DualEncoder {
 public:
  virtual ~DualEncoder() = default;

  virtual const DualEncoderInfo& info() const = 0;
  virtual Precision precision() const = 0;  // in force: never automatic
  virtual const ImageProcessor& image_processor() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;

  // pixels: float32 [batch, 3, height, width] as image_processor() makes them.
  // Returns float32 [batch, dimension], each row of length 1.
  virtual Tensor encode_images(const Tensor& pixels) const = 0;

  // Ids with special tokens, at most context_length each (tokenizer().encode with that max_length); lengths may differ.
  // Returns float32 [texts, dimension], each row of length 1.
  virtual Tensor encode_texts(std::span<const std::vector<TokenId>> texts) const = 0;
};

struct LoadOptions {
  Precision precision = Precision::automatic;
  // Indexing needs only the picture's tower, a text query only the text's: the other one then costs no memory and no
  // time. Calling encode_* of a tower that was left out is a bug.
  bool image_tower = true;
  bool text_tower = true;
};

// Opens a checkpoint folder of any supported dual-encoder family, by config.json's `architectures` / `model_type`.
// Errors: not_found, unsupported_model (lists what is supported), bad_weights (all missing, extra and misshapen
// tensors).
std::unique_ptr<const DualEncoder> load_dual_encoder(const std::filesystem::path& folder,
                                                     const LoadOptions& options = {});

}  // namespace gaze
