#include "text/bpe.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/unicode.h"

namespace gaze {

void Merges::reserve(std::size_t count, std::size_t bytes) {
  ends_.reserve(count);
  text_.reserve(bytes);
}

void Merges::add(std::string_view left, std::string_view right) {
  text_ += left;
  const auto middle = static_cast<std::uint32_t>(text_.size());
  text_ += right;
  ends_.push_back({middle, static_cast<std::uint32_t>(text_.size())});
}

std::array<TokenId, 256> find_byte_tokens(const Vocabulary& vocabulary) {
  std::array<TokenId, 256> tokens{};
  for (std::size_t byte = 0; byte < tokens.size(); ++byte)
    tokens[byte] = vocabulary.find(fmt::format("<0x{:02X}>", byte));
  return tokens;
}

// A word on its way from characters to tokens: a linked list of symbols, and the merges that are possible in it.
struct Bpe::Scratch {
  struct Symbol {
    TokenId id;
    std::int32_t previous, next;  // -1 at the ends
    bool merged_away = false;
  };
  struct Candidate {
    std::uint32_t rank;
    std::int32_t at;  // the left symbol
    TokenId id;
    // Makes the standard heap give the lowest rank first, then the leftmost.
    bool operator<(const Candidate& other) const { return std::pair(other.rank, other.at) < std::pair(rank, at); }
  };

  void clear() {
    symbols.clear();
    queue.clear();
  }
  void add(TokenId id) {
    const auto at = static_cast<std::int32_t>(symbols.size());
    if (at > 0) symbols.back().next = at;
    symbols.push_back({id, at - 1, -1});
  }
  Symbol& symbol(std::int32_t at) { return symbols[static_cast<std::size_t>(at)]; }

  std::vector<Symbol> symbols;
  std::vector<Candidate> queue;  // a heap
  std::string affixed;           // a character with prefix or suffix
};

Bpe::Bpe(std::shared_ptr<const Vocabulary> vocabulary, const Merges& merges, BpeSettings settings)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)), byte_tokens_(find_byte_tokens(*vocabulary_)) {
  const auto find = [&](std::string_view token) {
    const TokenId id = vocabulary_->find(token);
    if (id < 0) {
      throw Error(ErrorCode::bad_weights,
                  message("{}: token \"{}\" is used but not in the vocabulary", vocabulary_->origin(), token));
    }
    return id;
  };
  if (!settings_.unk_token.empty()) unk_ = find(settings_.unk_token);

  if (static_cast<std::int64_t>(merges.size()) > limits().vocabulary_ids) {
    throw Error(ErrorCode::limit_exceeded,
                message("{}: more than {} merges", vocabulary_->origin(), limits().vocabulary_ids));
  }
  merges_.reserve(merges.size());
  std::string merged;
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const std::string_view left = merges.left(i), right = merges.right(i);
    const std::size_t prefix =
        right.starts_with(settings_.continuing_subword_prefix) ? settings_.continuing_subword_prefix.size() : 0;
    merged.assign(left).append(right.substr(prefix));
    const Merge merge = {static_cast<std::uint32_t>(i), find(merged)};
    const TokenId left_id = find(left), right_id = find(right);
    if (vocabulary_->is_special(merge.id)) continue;
    bool inserted = false;
    merges_.insert(static_cast<std::uint32_t>(left_id), static_cast<std::uint32_t>(right_id), inserted) = merge;
  }
}

void Bpe::tokenize(const Words& words, std::vector<TokenId>& ids) const {
  Scratch scratch;
  for (const TextRange& range : words.ranges) {
    const std::string_view word = words.word(range);
    if (settings_.ignore_merges) {
      if (const TokenId id = vocabulary_->find_text(word); id >= 0) {
        ids.push_back(id);
        continue;
      }
    }
    scratch.clear();
    split_into_characters(word, scratch);
    if (scratch.symbols.empty()) continue;
    merge_all(scratch);
    for (std::int32_t at = 0; at >= 0; at = scratch.symbol(at).next) ids.push_back(scratch.symbol(at).id);
  }
}

void Bpe::split_into_characters(std::string_view word, Scratch& scratch) const {
  bool after_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t bytes = code_point_at(word, at).bytes;
    const std::string_view character = word.substr(at, bytes);
    const bool first = at == 0;
    at += bytes;

    TokenId id = -1;
    const bool prefixed = !first && !settings_.continuing_subword_prefix.empty();
    const bool suffixed = at == word.size() && !settings_.end_of_word_suffix.empty();
    if (prefixed || suffixed) {
      scratch.affixed.assign(prefixed ? settings_.continuing_subword_prefix : "").append(character);
      if (suffixed) scratch.affixed += settings_.end_of_word_suffix;
      id = vocabulary_->find_text(scratch.affixed);
    } else {
      id = vocabulary_->find_text(character);
    }
    if (id >= 0) {
      scratch.add(id);
      after_unknown = false;
      continue;
    }

    if (settings_.byte_fallback) {
      const auto token = [&](char byte) { return byte_tokens_[static_cast<unsigned char>(byte)]; };
      if (std::all_of(character.begin(), character.end(), [&](char byte) { return token(byte) >= 0; })) {
        for (const char byte : character) scratch.add(token(byte));
        after_unknown = false;
        continue;
      }
    }
    if (unk_ >= 0 && !(settings_.fuse_unk && after_unknown)) scratch.add(unk_);
    after_unknown = true;
  }
}

void Bpe::merge_all(Scratch& scratch) const {
  const auto consider = [&](std::int32_t at) {
    const Scratch::Symbol& left = scratch.symbol(at);
    if (left.next < 0) return;
    const Merge* merge =
        merges_.find(static_cast<std::uint32_t>(left.id), static_cast<std::uint32_t>(scratch.symbol(left.next).id));
    if (!merge) return;
    scratch.queue.push_back({merge->rank, at, merge->id});
    std::push_heap(scratch.queue.begin(), scratch.queue.end());
  };
  for (std::size_t at = 0; at < scratch.symbols.size(); ++at) consider(static_cast<std::int32_t>(at));

  while (!scratch.queue.empty()) {
    const Scratch::Candidate best = scratch.queue.front();
    std::pop_heap(scratch.queue.begin(), scratch.queue.end());
    scratch.queue.pop_back();

    Scratch::Symbol& left = scratch.symbol(best.at);
    if (left.merged_away || left.next < 0) continue;
    Scratch::Symbol& right = scratch.symbol(left.next);
    const Merge* merge = merges_.find(static_cast<std::uint32_t>(left.id), static_cast<std::uint32_t>(right.id));
    if (!merge || merge->id != best.id) continue;  // a neighbour was merged since

    left.id = best.id;
    left.next = right.next;
    right.merged_away = true;
    if (left.next >= 0) scratch.symbol(left.next).previous = best.at;
    if (left.previous >= 0) consider(left.previous);
    consider(best.at);
  }
}

}  // namespace gaze
