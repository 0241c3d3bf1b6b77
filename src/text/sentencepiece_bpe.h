// A SentencePiece model as vocabulary, added tokens and token model, whether it came from a .model file or from GGUF.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/sentencepiece_model.h"
#include "text/token_model.h"
#include "text/vocabulary.h"

namespace gaze {

// Errors: as Vocabulary::add.
std::shared_ptr<Vocabulary> make_vocabulary(const SentencePieceModel& model, const std::string& origin);

// Control symbols and the unknown one are special, user-defined ones are found before the model sees the text.
std::vector<AddedToken> added_tokens(const SentencePieceModel& model);

// `vocabulary` has the special tokens marked. Errors: bad_weights, unsupported_model (neither BPE nor Unigram).
std::unique_ptr<const TokenModel> make_token_model(const SentencePieceModel& model,
                                                   std::shared_ptr<const Vocabulary> vocabulary);

}  // namespace gaze
