// Steps that turn tokens back into text: tokenizer.json's "decoder".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/pattern.h"

namespace gaze {

// A step maps tokens to tokens; the text is what is left, joined. Immutable; safe to share between threads.
class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

using DecoderStepPtr = std::unique_ptr<const DecoderStep>;

DecoderStepPtr byte_level_decoder();     // ByteLevel: characters of the byte alphabet → bytes
DecoderStepPtr byte_fallback_decoder();  // ByteFallback: "<0xE4>" → bytes; U+FFFD for each that forms no UTF-8
DecoderStepPtr fuse_decoder();           // Fuse: all tokens are one
DecoderStepPtr word_piece_decoder(std::string prefix, bool cleanup);         // WordPiece: spaces between words
DecoderStepPtr bpe_decoder(std::string suffix);                              // BPEDecoder: the suffix ends a word
DecoderStepPtr metaspace_decoder(std::string replacement, bool drop_first);  // Metaspace
DecoderStepPtr replace_decoder(std::unique_ptr<const Pattern> what, std::string with);  // Replace
// Strip: up to `start` of `content` at the start of each token, up to `stop` at its end.
DecoderStepPtr strip_decoder(std::string content, std::size_t start, std::size_t stop);

// Spaces before punctuation and English contractions removed (transformers' clean_up_tokenization).
std::string clean_up_spaces(std::string text);

}  // namespace gaze
