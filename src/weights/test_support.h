// For the tests of this room: files forged in memory, and what refused them.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/error.h"
#include "weights/weight_file.h"
#include "weights/weight_source.h"

namespace gaze {

// Exactly as much memory as bytes, so that AddressSanitizer sees every read past the end.
inline WeightFile in_memory(std::string_view bytes, const std::string& origin = "forged") {
  const std::shared_ptr<std::byte[]> memory(new std::byte[bytes.size()]);
  std::copy_n(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), memory.get());
  return {{memory.get(), bytes.size()}, memory, origin};
}

// The message of the Error(bad_weights) that `action` ends with.
inline std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_weights) << error.message();
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

// Reads every byte of every tensor; the sum keeps the reads alive.
inline unsigned sum_of_all_bytes(const WeightSource& source) {
  unsigned sum = 0;
  for (const TensorInfo& info : source.tensors()) {
    const Tensor tensor = source.tensor(info.name);
    EXPECT_EQ(tensor.shape(), info.shape);
    for (std::size_t i = 0; i < tensor.bytes(); ++i) sum += static_cast<unsigned>(tensor.raw()[i]);
  }
  return sum;
}

// Whatever `open` makes of damaged bytes: a source that can be read to its end, or a refusal that names the file.
inline void expect_harmless(const std::function<std::shared_ptr<const WeightSource>(const WeightFile&)>& open,
                            std::string_view bytes) {
  try {
    sum_of_all_bytes(*open(in_memory(bytes)));
  } catch (const Error& error) {
    EXPECT_TRUE(error.message().starts_with("forged: ")) << error.message();
  }
}

template <class T>
std::string little(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

}  // namespace gaze
