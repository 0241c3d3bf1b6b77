#include "text/vocabulary.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"

namespace gaze {
namespace {

std::uint32_t hash_of(std::string_view token) {
  const std::size_t hash = std::hash<std::string_view>{}(token);
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

}  // namespace

void Vocabulary::reserve(std::size_t count) {
  tokens_.reserve(count);
  if (count * 2 > slots_.size()) rehash(count * 2);
}

void Vocabulary::add(std::string_view token, std::int64_t id) {
  if (id < 0)
    throw Error(ErrorCode::bad_weights, message("{}: token \"{}\" has the negative id {}", origin_, token, id));
  if (id >= limits().vocabulary_ids) {
    throw Error(ErrorCode::limit_exceeded, message("{}: token \"{}\" has the id {}, above the limit of {}", origin_,
                                                   token, id, limits().vocabulary_ids));
  }
  if (static_cast<std::int64_t>(token.size()) > limits().token_bytes) {
    throw Error(ErrorCode::limit_exceeded, message("{}: the token with id {} is longer than the limit of {} bytes",
                                                   origin_, id, limits().token_bytes));
  }
  if (static_cast<std::int64_t>(text_.size() + token.size()) > limits().vocabulary_bytes) {
    throw Error(ErrorCode::limit_exceeded, message("{}: all tokens together are longer than the limit of {} bytes",
                                                   origin_, limits().vocabulary_bytes));
  }
  if ((used_ + 1) * 2 > slots_.size()) rehash(slots_.size() * 2);

  const std::uint32_t hash = hash_of(token);
  Slot& slot = slots_[find_slot(token, hash)];
  if (slot.id == id) return;
  if (slot.id >= 0) {
    throw Error(ErrorCode::bad_weights,
                message("{}: token \"{}\" has two ids, {} and {}", origin_, token, slot.id, id));
  }
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) {
    if (index >= tokens_.capacity()) tokens_.reserve(std::max(index + 1, tokens_.size() * 2));
    tokens_.resize(index + 1);
  }
  if (tokens_[index].used) {
    throw Error(ErrorCode::bad_weights, message("{}: tokens \"{}\" and \"{}\" have the same id {}", origin_,
                                                text_of(tokens_[index]), token, id));
  }
  tokens_[index] = {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(token.size()), true, false};
  text_ += token;
  slot = {hash, static_cast<TokenId>(id)};
  ++used_;
  longest_ = std::max(longest_, token.size());
}

void Vocabulary::mark_special(TokenId id) {
  GAZE_CHECK(contains(id));
  tokens_[static_cast<std::size_t>(id)].special = true;
}

std::string_view Vocabulary::token(TokenId id) const {
  return contains(id) ? text_of(tokens_[static_cast<std::size_t>(id)]) : std::string_view{};
}

TokenId Vocabulary::find(std::string_view token) const {
  return slots_.empty() ? -1 : slots_[find_slot(token, hash_of(token))].id;
}

TokenId Vocabulary::find_text(std::string_view token) const {
  const TokenId id = find(token);
  return is_special(id) ? -1 : id;
}

std::size_t Vocabulary::find_slot(std::string_view token, std::uint32_t hash) const {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at].id >= 0 &&
         (slots_[at].hash != hash || text_of(tokens_[static_cast<std::size_t>(slots_[at].id)]) != token)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

void Vocabulary::rehash(std::size_t at_least) {
  std::size_t capacity = 16;
  while (capacity < at_least) capacity *= 2;
  std::vector<Slot> old(capacity);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.id < 0) continue;
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

}  // namespace gaze
