// Python's pickle format, protocols 2 to 5, as far as tensors need it. Nothing in a pickle is ever executed: opcodes
// and globals stand on allow-lists, and what a "call" may make is decided by the PickleHost. (Python's
// Lib/pickletools.py documents every opcode.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gaze {

class ByteReader;

enum class PickleKind { none, boolean, integer, long_integer, real, text, bytes, tuple, list, dict, global, object };

// One value. Lists may contain themselves and nest without end, so values lie in an arena and refer by number:
// nothing here recurses.
struct PickleValue {
  PickleKind kind = PickleKind::none;
  int tag = 0;               // global, object: the host's own number for its sort
  std::int64_t integer = 0;  // boolean, integer; object: the host's
  std::string_view text;     // text, bytes, long_integer (little-endian two's complement): borrowed from the pickle
  std::vector<std::uint32_t> items;  // tuple, list; dict: key, value, key, value …
};

class Pickle;

// Decides what names of modules, calls and persistent ids mean. A refusal is thrown by Pickle::refuse_here.
class PickleHost {
 public:
  using Ref = std::uint32_t;
  virtual ~PickleHost() = default;
  // The tag of a global on the list; nothing for any other, which is then refused.
  virtual std::optional<int> global(std::string_view module, std::string_view name) = 0;
  // What the global's call with these arguments (a tuple) makes.
  virtual Ref call(Pickle& pickle, int global, Ref arguments) = 0;
  // What a persistent id stands for.
  virtual Ref persistent(Pickle& pickle, Ref id) = 0;
};

// One run over one pickle. Not thread-safe.
class Pickle {
 public:
  using Ref = PickleHost::Ref;

  // Interprets `bytes` from `begin` to the STOP opcode. `origin` names the file in messages and outlives this.
  // Errors: bad_weights (an opcode or global that is not on the lists, a stack that does not hold what an opcode
  // needs; each with the byte), and more than limits().pickle_values values.
  Pickle(std::span<const std::byte> bytes, std::uint64_t begin, const std::string& origin, PickleHost& host);

  Ref root() const { return root_; }
  std::uint64_t end() const { return end_; }  // the byte after STOP
  const PickleValue& operator[](Ref ref) const { return values_[ref]; }
  PickleKind kind(Ref ref) const { return values_[ref].kind; }
  bool is_object(Ref ref, int tag) const { return kind(ref) == PickleKind::object && values_[ref].tag == tag; }

  // For the host: makes a value, and refuses at the opcode in hand.
  Ref add(PickleValue value);
  [[noreturn]] void refuse_here(const std::string& fault) const;

 private:
  void run(std::span<const std::byte> bytes, std::uint64_t begin);
  void step(unsigned char opcode, ByteReader& reader);
  void push(PickleValue value) { stack_.push_back(add(std::move(value))); }
  void push_text(PickleKind kind, std::string_view text) { push({.kind = kind, .text = text}); }
  void push_items(PickleKind kind, std::vector<Ref> items) { push({.kind = kind, .items = std::move(items)}); }
  void push_long(std::string_view digits);
  void push_global(std::string_view module, std::string_view name);
  Ref pop();
  Ref top() const;
  std::vector<Ref> pop_to_mark();
  std::vector<Ref> pop_count(std::size_t count);
  PickleValue& container(PickleKind kind);
  void add_to_dict(std::vector<Ref> items);
  void call();
  void build();
  void remember(std::uint64_t key) { memo_[key] = top(); }
  void recall(std::uint64_t key);

  const std::string& origin_;
  PickleHost& host_;
  std::deque<PickleValue> values_;
  std::vector<Ref> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Ref> memo_;
  std::uint64_t at_ = 0;  // the opcode in hand
  std::uint64_t end_ = 0;
  Ref root_ = 0;
};

}  // namespace gaze
