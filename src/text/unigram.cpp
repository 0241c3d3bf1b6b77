#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/bpe.h"
#include "text/unicode.h"

namespace gaze {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst token, as in both references
constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

// A byte at which a token can end, and the best way to there.
template <class Score>
struct Node {
  Score score;
  std::uint32_t begin;  // of its last token
  TokenId id;
};

}  // namespace

Unigram::Unigram(std::shared_ptr<const Vocabulary> vocabulary, std::vector<double> scores, UnigramSettings settings)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      settings_(std::move(settings)),
      byte_tokens_(find_byte_tokens(*vocabulary_)) {
  if (settings_.unk_id >= 0 && !vocabulary_->contains(settings_.unk_id)) {
    throw Error(ErrorCode::bad_weights, message("{}: the unknown token's id {} is not in the vocabulary",
                                                vocabulary_->origin(), settings_.unk_id));
  }

  double min_score = 0;
  bool any = false;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (!std::isfinite(scores_[i])) {
      throw Error(ErrorCode::bad_weights,
                  message("{}: token {} has a score that is not a number", vocabulary_->origin(), i));
    }
    const std::string_view token = vocabulary_->token(id);
    const bool is_byte =
        settings_.byte_fallback && std::find(byte_tokens_.begin(), byte_tokens_.end(), id) != byte_tokens_.end();
    if (id == settings_.unk_id || vocabulary_->is_special(id) || token.empty() || is_byte) continue;
    trie_.add(token, id);
    min_score = any ? std::min(min_score, scores_[i]) : scores_[i];
    any = true;
  }
  unk_score_ = min_score - kUnknownPenalty;
}

void Unigram::tokenize(const Words& words, std::vector<TokenId>& ids) const {
  for (const TextRange& range : words.ranges) {
    if (settings_.single_precision) {
      tokenize_word<float>(words.word(range), ids);
    } else {
      tokenize_word<double>(words.word(range), ids);
    }
  }
}

// Viterbi over the bytes at which a token can end.
template <class Score>
void Unigram::tokenize_word(std::string_view word, std::vector<TokenId>& ids) const {
  std::vector<Node<Score>> nodes(word.size() + 1, Node<Score>{0, kNowhere, -1});
  const auto offer = [&](std::size_t begin, std::size_t end, TokenId id, Score score) {
    Node<Score>& node = nodes[end];
    const Score total = nodes[begin].score + score;
    if (node.begin == kNowhere || total > node.score) node = Node<Score>{total, static_cast<std::uint32_t>(begin), id};
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t bytes = code_point_at(word, at).bytes;
    bool has_single = false;
    trie_.prefixes(word.substr(at), [&](const Trie::Match& match) {
      offer(at, at + match.bytes, match.value, static_cast<Score>(scores_[static_cast<std::size_t>(match.value)]));
      has_single = has_single || match.bytes == bytes;
    });
    if (!has_single) offer(at, at + bytes, settings_.unk_id, static_cast<Score>(unk_score_));
    at += bytes;
  }

  const std::size_t first = ids.size();
  bool after_unknown = false;  // neighbouring unknown characters are one token
  for (std::size_t end = word.size(); end > 0; end = nodes[end].begin) {
    const Node<Score>& node = nodes[end];
    const bool unknown = node.id == settings_.unk_id;
    const std::string_view text = word.substr(node.begin, end - node.begin);
    const auto token = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
    if (!unknown) {
      ids.push_back(node.id);
    } else if (settings_.byte_fallback &&
               std::all_of(text.begin(), text.end(), [&](char byte) { return token(byte) >= 0; })) {
      for (auto byte = text.rbegin(); byte != text.rend(); ++byte) ids.push_back(token(*byte));
    } else if (!after_unknown && settings_.unk_id >= 0) {
      ids.push_back(settings_.unk_id);
    }
    after_unknown = unknown;
  }
  std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
}

}  // namespace gaze
