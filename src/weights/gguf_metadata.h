// The key–value part of a GGUF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gaze {

class ByteReader;

// Types by the numbers that files carry.
enum class GgufType : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

// Keys and where their values lie; values are read when asked for, and their types checked then. Borrows the file.
// Every getter: Error(bad_weights) where the key is missing (unless a fallback is given) or of another type.
// Immutable, safe to share.
class GgufMetadata {
 public:
  GgufMetadata() = default;  // no keys
  // Reads `count` pairs. Errors: bad_weights (a key twice, a type that does not exist, arrays of arrays, lengths
  // beyond the file).
  GgufMetadata(ByteReader& reader, std::uint64_t count, std::string origin);

  bool has(std::string_view key) const { return values_.contains(key); }
  std::vector<std::string_view> keys() const;  // sorted

  std::int64_t integer(std::string_view key) const;  // any integer type
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key) const;  // any integer or floating type
  double number(std::string_view key, double fallback) const;
  bool boolean(std::string_view key, bool fallback) const;
  std::string_view text(std::string_view key) const;  // bytes as in the file, not necessarily UTF-8
  std::string_view text(std::string_view key, std::string_view fallback) const;

  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<float> numbers(std::string_view key) const;
  std::vector<std::string_view> texts(std::string_view key) const;

 private:
  struct Value {
    GgufType type = GgufType::u8;  // of an array: its elements'
    bool is_array = false;
    std::uint64_t count = 1;
    std::span<const std::byte> bytes;
  };
  Value read_value(ByteReader& reader, std::string_view key) const;
  const Value& find(std::string_view key, bool is_array) const;
  [[noreturn]] void refuse_type(std::string_view key, const Value& value, std::string_view wanted) const;
  std::int64_t read_integer(ByteReader& reader, const Value& value, std::string_view key) const;
  double read_number(ByteReader& reader, const Value& value, std::string_view key) const;

  std::map<std::string_view, Value> values_;
  std::string origin_;
};

}  // namespace gaze
