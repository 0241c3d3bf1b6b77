// Reading a weight file that nobody vouches for: its bytes, a bounds-checked way through them, and how it is refused.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gaze {

// The bytes of one file. `owner` keeps them alive: tensors that borrow from them hold it too.
struct WeightFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  std::string origin;            // the file as messages name it
  bool mapped = false;           // `bytes` are a MappedFile's
  std::vector<WeightFile> rest;  // the other parts of a GGUF model that was split, in their order
};

// Maps the file, and beside the first part of a split GGUF model the others. Errors: not_found, usage (a part that is
// not the first), bad_weights (a Git LFS pointer in place of the weights).
WeightFile map_weight_file(const std::filesystem::path& path);

// The file, or all parts of a GGUF model whose first one it is, which need not be there.
std::vector<std::filesystem::path> parts_of(const std::filesystem::path& file);

// Throws Error(bad_weights) "ORIGIN: FAULT". Without a hint: the file is damaged, get it again.
[[noreturn]] void refuse(const std::string& origin, const std::string& fault, std::string hint = {});

// The same for a tensor that somebody asks for and the file does not have.
[[noreturn]] void refuse_missing(const std::string& origin, std::string_view tensor);

// A name out of a file, for messages: valid UTF-8 without control characters, in quotes, cut where it is long.
std::string in_quotes(std::string_view name);

// What a tensor may be called: UTF-8 without control characters, 1 to limits().tensor_name_bytes long.
bool is_sane_name(std::string_view name);

// Walks over bytes from front to back. Every read past the end is a refusal that names the place.
class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, const std::string& origin, std::uint64_t position = 0)
      : bytes_(bytes), origin_(origin), position_(position) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return position_ < bytes_.size() ? bytes_.size() - position_ : 0; }

  // Little-endian, as every format here.
  template <class T>
  T number() {
    static_assert(std::endian::native == std::endian::little);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > remaining()) refuse_end(count);
    position_ += count;
    return bytes_.subspan(position_ - count, count);
  }
  std::string_view text(std::uint64_t count) {
    const auto taken = take(count);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  [[noreturn]] void refuse_end(std::uint64_t count) const;

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  std::uint64_t position_;
};

}  // namespace gaze
