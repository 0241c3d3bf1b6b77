// SentencePiece's model file (sentencepiece_model.proto): what tokenizing needs of it, every byte of it checked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/normalizer.h"
#include "text/precompiled_map.h"

namespace gaze {

struct SentencePieceModel {
  enum class Type { unigram = 1, bpe = 2, word = 3, character = 4 };
  enum class PieceType { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    PieceType type = PieceType::normal;
  };
  struct Normalization {
    std::string precompiled_charsmap;
    bool add_dummy_prefix = true;
    bool remove_extra_whitespaces = true;
    bool escape_whitespaces = true;
  };

  Type type = Type::unigram;
  std::vector<Piece> pieces;  // by id; valid UTF-8, none empty
  Normalization normalization;
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  int unk_id = 0;  // within pieces
};

// Errors: bad_weights (not such a file, or one that contradicts itself); `origin` is named in them.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& origin);

// sentencepiece::normalizer::Normalizer: mapped characters, collapsed spaces, a leading space, and "▁" for all of them.
NormalizerPtr sentencepiece_normalizer(const SentencePieceModel::Normalization& settings, const std::string& origin);

}  // namespace gaze
