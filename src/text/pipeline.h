// A tokenizer put together from its parts, whatever files they came from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/token_model.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace gaze {

// The steps of the `tokenizers` library, in order: added tokens are cut out of the text, what lies between them is
// normalised, cut into words, and turned into ids by the model; then come the tokens around.
struct TokenizerParts {
  std::shared_ptr<const Vocabulary> vocabulary;  // the model's tokens and the added ones
  std::vector<AddedToken> added_tokens;          // each in the vocabulary
  std::vector<NormalizerPtr> normalizers;
  std::vector<PreTokenizerPtr> pre_tokenizers;
  std::unique_ptr<const TokenModel> model;
  std::vector<TokenId> prefix, suffix;  // around every text with add_special_tokens
  std::vector<DecoderStepPtr> decoders;

  // How many tokens of every text are dropped: some slow tokenizers of transformers put a text before every other so
  // that nothing is taken for the beginning of a sentence (SigLIP: "<unk>").
  std::size_t hidden_tokens = 0;

  std::string end_of_word_suffix;  // CLIP: written as a space when decoding, and the ends stripped
  bool clean_up_spaces = false;    // clean_up_tokenization_spaces
  bool join_with_spaces = false;   // decoding without decoders: one space between tokens
  bool close_cjk_gaps = false;     // gaze-mini: no space next to a Chinese character when decoding

  SpecialTokens special_tokens;
  int model_max_length = 0;
};

std::unique_ptr<const Tokenizer> make_tokenizer(TokenizerParts parts);

}  // namespace gaze
