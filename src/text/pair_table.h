// A hash table from pairs of 32-bit numbers to 32-bit values: merges of BPE, edges of a trie.
#pragma once

#include <cstdint>
#include <vector>

namespace gaze {

template <class Value>
class PairTable {
 public:
  // Room for `count` entries without growing.
  void reserve(std::size_t count) {
    if (count * 2 > slots_.size()) rehash(count * 2);
  }

  // The value of the pair, made from Value{} where it is new; `inserted` tells which.
  Value& insert(std::uint32_t first, std::uint32_t second, bool& inserted) {
    if ((size_ + 1) * 2 > slots_.size()) rehash(slots_.size() * 2);
    Slot& slot = slots_[find_slot(key(first, second))];
    inserted = slot.key == kEmpty;
    if (inserted) {
      slot.key = key(first, second);
      ++size_;
    }
    return slot.value;
  }

  const Value* find(std::uint32_t first, std::uint32_t second) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[find_slot(key(first, second))];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are below 2^31
  struct Slot {
    std::uint64_t key = kEmpty;
    Value value{};
  };

  static std::uint64_t key(std::uint32_t first, std::uint32_t second) { return std::uint64_t{first} << 32 | second; }

  std::size_t find_slot(std::uint64_t key) const {
    std::uint64_t hash = key * 0x9E3779B97F4A7C15;  // Fibonacci hashing, high bits folded down
    hash ^= hash >> 32;
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void rehash(std::size_t at_least) {
    std::size_t capacity = 16;
    while (capacity < at_least) capacity *= 2;
    std::vector<Slot> old(capacity);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != kEmpty) slots_[find_slot(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t size_ = 0;
};

}  // namespace gaze
