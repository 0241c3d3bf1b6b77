#include "tensor/block_tensor.h"

#include <cstring>

#include "base/check.h"
#include "tensor/block_layout.h"

namespace gaze {
namespace {

using namespace block_layout;

// Element j has the low nibble of byte j, element j + 16 the high one; q5 adds bit j (j + 16) of `high`.
int nibble(const std::uint8_t* low, int j) {
  return j < 16 ? low[j] & 0xF : low[j - 16] >> 4;
}
int fifth_bit(const std::uint8_t* high, int j) {
  return ((high[j / 8] >> (j % 8)) & 1) << 4;
}

void dequantise_block(const Q4_0& block, float* to) {
  const float scale = block.scale.value();
  for (int j = 0; j < 32; ++j) to[j] = static_cast<float>(nibble(block.low, j) - 8) * scale;
}
void dequantise_block(const Q4_1& block, float* to) {
  const float scale = block.scale.value(), minimum = block.minimum.value();
  for (int j = 0; j < 32; ++j) to[j] = static_cast<float>(nibble(block.low, j)) * scale + minimum;
}
void dequantise_block(const Q5_0& block, float* to) {
  const float scale = block.scale.value();
  for (int j = 0; j < 32; ++j) {
    to[j] = static_cast<float>((nibble(block.low, j) | fifth_bit(block.high, j)) - 16) * scale;
  }
}
void dequantise_block(const Q5_1& block, float* to) {
  const float scale = block.scale.value(), minimum = block.minimum.value();
  for (int j = 0; j < 32; ++j) {
    to[j] = static_cast<float>(nibble(block.low, j) | fifth_bit(block.high, j)) * scale + minimum;
  }
}
void dequantise_block(const Q8_0& block, float* to) {
  const float scale = block.scale.value();
  for (int j = 0; j < 32; ++j) to[j] = static_cast<float>(block.values[j]) * scale;
}

// 64 elements share 32 bytes of `low`: parts 2n in the low nibbles, parts 2n + 1 in the high ones. Q5_K adds bit
// `part` of the 32 bytes of `high`.
void dequantise_parts(float scale, float minimum, const std::uint8_t* packed, const std::uint8_t* low,
                      const std::uint8_t* high, float* to) {
  for (int part = 0; part < 8; ++part) {
    const auto [part_scale, part_minimum] = unpack(packed, part);
    const float times = scale * static_cast<float>(part_scale), less = minimum * static_cast<float>(part_minimum);
    for (int j = 0; j < 32; ++j) {
      const int byte = low[part / 2 * 32 + j];
      const int value = (part % 2 == 0 ? byte & 0xF : byte >> 4) | (high ? ((high[j] >> part) & 1) << 4 : 0);
      to[part * 32 + j] = times * static_cast<float>(value) - less;
    }
  }
}
void dequantise_block(const Q4_K& block, float* to) {
  dequantise_parts(block.scale.value(), block.minimum.value(), block.scales, block.low, nullptr, to);
}
void dequantise_block(const Q5_K& block, float* to) {
  dequantise_parts(block.scale.value(), block.minimum.value(), block.scales, block.low, block.high, to);
}

// Two halves of 128; in each, quarter q of 32 has its low four bits in the low (q < 2) or high nibbles of 64 bytes and
// its upper two in bits 2q of 32 bytes. A scale for every 16 elements.
void dequantise_block(const Q6_K& block, float* to) {
  const float scale = block.scale.value();
  for (int element = 0; element < 256; ++element) {
    const int half = element / 128, quarter = element % 128 / 32, j = element % 32;
    const int byte = block.low[half * 64 + quarter % 2 * 32 + j];
    const int upper = (block.high[half * 32 + j] >> (2 * quarter)) & 3;
    const int value = ((quarter < 2 ? byte & 0xF : byte >> 4) | upper << 4) - 32;
    const int group = element / 16;
    to[element] = scale * static_cast<float>(block.scales[group]) * static_cast<float>(value);
  }
}

template <class Block>
void dequantise_all(std::span<const std::byte> from, std::int64_t elements, std::span<float> to) {
  static_assert(alignof(Block) == 1);
  GAZE_CHECK(to.size() % static_cast<std::size_t>(elements) == 0);
  const std::size_t count = to.size() / static_cast<std::size_t>(elements);
  GAZE_CHECK(from.size() == count * sizeof(Block));
  for (std::size_t i = 0; i < count; ++i) {
    Block block;
    std::memcpy(&block, from.data() + i * sizeof(Block), sizeof(Block));
    dequantise_block(block, to.data() + i * static_cast<std::size_t>(elements));
  }
}

}  // namespace

std::string_view to_string(BlockType type) {
  constexpr std::string_view kNames[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"};
  return kNames[static_cast<int>(type)];
}

std::int64_t block_elements(BlockType type) {
  return type >= BlockType::q4_k ? 256 : 32;
}

std::int64_t block_bytes(BlockType type) {
  constexpr std::int64_t kBytes[] = {sizeof(Q4_0), sizeof(Q4_1), sizeof(Q5_0), sizeof(Q5_1),
                                     sizeof(Q8_0), sizeof(Q4_K), sizeof(Q5_K), sizeof(Q6_K)};
  return kBytes[static_cast<int>(type)];
}

void dequantise(BlockType type, std::span<const std::byte> from, std::span<float> to) {
  const std::int64_t elements = block_elements(type);
  switch (type) {
    case BlockType::q4_0:
      return dequantise_all<Q4_0>(from, elements, to);
    case BlockType::q4_1:
      return dequantise_all<Q4_1>(from, elements, to);
    case BlockType::q5_0:
      return dequantise_all<Q5_0>(from, elements, to);
    case BlockType::q5_1:
      return dequantise_all<Q5_1>(from, elements, to);
    case BlockType::q8_0:
      return dequantise_all<Q8_0>(from, elements, to);
    case BlockType::q4_k:
      return dequantise_all<Q4_K>(from, elements, to);
    case BlockType::q5_k:
      return dequantise_all<Q5_K>(from, elements, to);
    case BlockType::q6_k:
      return dequantise_all<Q6_K>(from, elements, to);
  }
}

Tensor BlockTensor::to_f32() const {
  Tensor wide = Tensor::empty(shape, DType::f32);
  dequantise(type, bytes, wide.values<float>());
  return wide;
}

}  // namespace gaze
