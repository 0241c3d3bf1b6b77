#include "text/sentencepiece_bpe.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/bpe.h"
#include "text/unicode.h"
#include "text/unigram.h"

namespace gaze {
namespace {

using PieceType = SentencePieceModel::PieceType;

// The merges that a BPE model's scores stand for: every cut of a piece into two pieces, the best piece first
// (generate_merges of transformers' convert_slow_tokenizer).
Merges merges_of_scores(const SentencePieceModel& model, const Vocabulary& vocabulary) {
  struct Cut {
    float score;
    std::size_t left_length, right_length;  // in characters
    std::string_view left, right;
    TokenId left_id, right_id;
  };
  std::vector<Cut> cuts;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type != PieceType::normal) continue;
    const std::string_view text = piece.text;
    const std::size_t length = count_code_points(text), first = cuts.size();
    std::size_t left_length = 1;
    for (std::size_t at = code_point_at(text, 0).bytes; at < text.size(); at += code_point_at(text, at).bytes) {
      const TokenId left = vocabulary.find_text(text.substr(0, at));
      const TokenId right = left < 0 ? -1 : vocabulary.find_text(text.substr(at));
      if (right >= 0) {
        cuts.push_back(
            {piece.score, left_length, length - left_length, text.substr(0, at), text.substr(at), left, right});
      }
      ++left_length;
    }
    std::sort(cuts.begin() + static_cast<std::ptrdiff_t>(first), cuts.end(), [](const Cut& a, const Cut& b) {
      return std::tie(a.left_id, a.right_id) < std::tie(b.left_id, b.right_id);
    });
  }
  std::stable_sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tie(a.score, a.left_length, a.right_length) > std::tie(b.score, b.left_length, b.right_length);
  });
  Merges merges;
  for (const Cut& cut : cuts) merges.add(cut.left, cut.right);
  return merges;
}

}  // namespace

std::shared_ptr<Vocabulary> make_vocabulary(const SentencePieceModel& model, const std::string& origin) {
  auto vocabulary = std::make_shared<Vocabulary>(origin);
  vocabulary->reserve(model.pieces.size());
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    vocabulary->add(model.pieces[id].text, static_cast<std::int64_t>(id));
  }
  return vocabulary;
}

std::vector<AddedToken> added_tokens(const SentencePieceModel& model) {
  std::vector<AddedToken> tokens;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    const bool special = piece.type == PieceType::control || piece.type == PieceType::unknown;
    if (!special && piece.type != PieceType::user_defined) continue;
    tokens.push_back({.content = piece.text, .id = static_cast<TokenId>(id), .special = special});
  }
  return tokens;
}

std::unique_ptr<const TokenModel> make_token_model(const SentencePieceModel& model,
                                                   std::shared_ptr<const Vocabulary> vocabulary) {
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    if (std::isfinite(model.pieces[id].score)) continue;
    throw Error(ErrorCode::bad_weights,
                message("{}: token {} has a score that is not a number", vocabulary->origin(), id));
  }
  if (model.type == SentencePieceModel::Type::bpe) {
    const Merges merges = merges_of_scores(model, *vocabulary);
    return std::make_unique<Bpe>(std::move(vocabulary), merges,
                                 BpeSettings{.unk_token = model.pieces[static_cast<std::size_t>(model.unk_id)].text,
                                             .continuing_subword_prefix = {},
                                             .end_of_word_suffix = {},
                                             .fuse_unk = true,
                                             .byte_fallback = model.byte_fallback,
                                             .ignore_merges = false});
  }
  if (model.type != SentencePieceModel::Type::unigram) {
    throw Error(ErrorCode::unsupported_model,
                message("{}: this kind of SentencePiece model is not supported", vocabulary->origin()));
  }
  std::vector<double> scores;
  for (const SentencePieceModel::Piece& piece : model.pieces) scores.push_back(static_cast<double>(piece.score));
  return std::make_unique<Unigram>(
      std::move(vocabulary), std::move(scores),
      UnigramSettings{.unk_id = model.unk_id, .byte_fallback = model.byte_fallback, .single_precision = true});
}

}  // namespace gaze
