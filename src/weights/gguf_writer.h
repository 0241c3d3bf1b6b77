// Writes GGUF files (version 3), which weights/gguf.h and llama.cpp read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/new_file.h"
#include "tensor/block_tensor.h"

namespace gaze {

// Metadata first, then which tensors there will be, then their bytes. Used by one thread.
class GgufWriter {
 public:
  void add(std::string_view key, std::uint32_t value);
  void add(std::string_view key, float value);
  void add(std::string_view key, bool value);
  void add(std::string_view key, std::string_view value);
  void add(std::string_view key, const char* value) { add(key, std::string_view(value)); }
  void add(std::string_view key, std::span<const std::string> values);
  void add(std::string_view key, std::span<const float> values);
  void add(std::string_view key, std::span<const std::int32_t> values);

  // A tensor of blocks, or of float32 numbers.
  void add_tensor(std::string_view name, const Shape& shape, std::optional<BlockType> type);

  // `bytes_of` yields the bytes of each tensor, once, in the order of add_tensor(). Errors: disk_full; bytes_of's.
  void write(NewFile& file, const std::function<std::span<const std::byte>(std::size_t tensor)>& bytes_of) const;

 private:
  struct Place {
    std::string head;  // as the file describes it, without its offset
    std::uint64_t size;
  };
  void begin(std::string_view key, std::uint32_t type);
  void begin_array(std::string_view key, std::uint32_t type, std::size_t count);

  std::string metadata_;
  std::uint64_t keys_ = 0;
  std::vector<Place> places_;
};

}  // namespace gaze
