// The eyes of a language model: a picture as vectors that stand in the prompt in place of words.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "media/heat_map.h"
#include "media/image.h"
#include "tensor/tensor.h"
#include "text/tokenizer.h"

namespace gaze {

struct EncodedPicture {
  Tensor vectors;            // float32 [count, hidden_size of the language model]
  std::vector<TokenId> ids;  // what takes the place of the picture's token: that token once a vector, marks between
};

// Immutable; may be used from several threads at once.
class PictureEncoder {
 public:
  virtual ~PictureEncoder() = default;

  // Stands once in a prompt where a picture belongs. It need not be in the tokenizer's vocabulary.
  virtual TokenId picture_token() const = 0;

  // A picture file; `name` is for messages. Errors: decode_image's.
  virtual EncodedPicture encode(std::span<const std::byte> file, const std::string& name,
                                const DecodeOptions& options) const = 0;

  // Which part of a picture of this size each of its vectors was made of; an empty region for one that stands for no
  // part. Nothing where the model does not tell.
  virtual std::vector<Region> places(const EncodedPicture& picture, int width, int height) const = 0;
};

}  // namespace gaze
