#include "ops/unpacked_weights.h"

#include "tensor/block_layout.h"

namespace gaze {
namespace {

using namespace block_layout;

struct Unpacked {
  std::uint8_t* values;
  float *scales, *minima;
};

void unpack_nibbles(const std::uint8_t* low, std::uint8_t* values) {
  for (int j = 0; j < 16; ++j) values[j] = low[j] & 0xF, values[j + 16] = static_cast<std::uint8_t>(low[j] >> 4);
}
void add_fifth_bits(const std::uint8_t* high, std::uint8_t* values) {
  for (int j = 0; j < 32; ++j) values[j] |= static_cast<std::uint8_t>(((high[j / 8] >> (j % 8)) & 1) << 4);
}

void unpack_block(const Q4_0& block, const Unpacked& to) {
  to.scales[0] = block.scale.value();
  unpack_nibbles(block.low, to.values);
}
void unpack_block(const Q4_1& block, const Unpacked& to) {
  to.scales[0] = block.scale.value();
  to.minima[0] = -block.minimum.value();
  unpack_nibbles(block.low, to.values);
}
void unpack_block(const Q5_0& block, const Unpacked& to) {
  to.scales[0] = block.scale.value();
  unpack_nibbles(block.low, to.values);
  add_fifth_bits(block.high, to.values);
}
void unpack_block(const Q5_1& block, const Unpacked& to) {
  to.scales[0] = block.scale.value();
  to.minima[0] = -block.minimum.value();
  unpack_nibbles(block.low, to.values);
  add_fifth_bits(block.high, to.values);
}
void unpack_block(const Q8_0& block, const Unpacked& to) {
  to.scales[0] = block.scale.value();
  for (int j = 0; j < 32; ++j) to.values[j] = static_cast<std::uint8_t>(block.values[j] + 128);
}

// Q4_K and Q5_K, whose fifth bits lie in `high`.
template <class Block>
void unpack_parts(const Block& block, const std::uint8_t* high, const Unpacked& to) {
  const float scale = block.scale.value(), minimum = block.minimum.value();
  for (int part = 0; part < 8; ++part) {
    const ScaleAndMinimum own = unpack(block.scales, part);
    to.scales[part] = scale * static_cast<float>(own.scale);
    to.minima[part] = minimum * static_cast<float>(own.minimum);
    const std::uint8_t* low = block.low + part / 2 * 32;
    std::uint8_t* values = to.values + part * 32;
    const int shift = part % 2 * 4;
    for (int j = 0; j < 32; ++j) values[j] = static_cast<std::uint8_t>((low[j] >> shift) & 0xF);
    for (int j = 0; high && j < 32; ++j) values[j] |= static_cast<std::uint8_t>(((high[j] >> part) & 1) << 4);
  }
}
void unpack_block(const Q4_K& block, const Unpacked& to) {
  unpack_parts(block, nullptr, to);
}
void unpack_block(const Q5_K& block, const Unpacked& to) {
  unpack_parts(block, block.high, to);
}

void unpack_block(const Q6_K& block, const Unpacked& to) {
  const float scale = block.scale.value();
  for (int part = 0; part < 16; ++part) to.scales[part] = scale * static_cast<float>(block.scales[part]);
  for (int quarter = 0; quarter < 8; ++quarter) {  // of 32; four a half
    const std::uint8_t* low = block.low + quarter / 4 * 64 + quarter % 2 * 32;
    const std::uint8_t* high = block.high + quarter / 4 * 32;
    std::uint8_t* values = to.values + quarter * 32;
    const int nibble = quarter % 4 < 2 ? 0 : 4, pair = quarter % 4 * 2;
    for (int j = 0; j < 32; ++j) {
      values[j] = static_cast<std::uint8_t>(((low[j] >> nibble) & 0xF) | ((high[j] >> pair) & 3) << 4);
    }
  }
}

template <class Block>
void unpack_all(const std::byte* from, std::int64_t width, std::int64_t elements, int part, Unpacked to) {
  const auto* blocks = reinterpret_cast<const Block*>(from);  // made of bytes: any address will do
  for (std::int64_t i = 0; i < width / elements; ++i) {
    unpack_block(blocks[i], to);
    to = {to.values + elements, to.scales + elements / part, to.minima ? to.minima + elements / 32 : nullptr};
  }
}

}  // namespace

BlockTraits block_traits(BlockType type) {
  switch (type) {
    case BlockType::q4_0:
      return {.offset = 8};
    case BlockType::q5_0:
      return {.offset = 16};
    case BlockType::q8_0:
      return {.offset = 128};
    case BlockType::q6_k:
      return {.offset = 32, .part = 16};
    default:
      return {.minimum = true};
  }
}

void unpack_row(BlockType type, const std::byte* from, std::int64_t width, std::uint8_t* values, float* scales,
                float* minima) {
  const Unpacked to{values, scales, minima};
  const std::int64_t elements = block_elements(type);
  switch (type) {
    case BlockType::q4_0:
      return unpack_all<Q4_0>(from, width, elements, 32, to);
    case BlockType::q4_1:
      return unpack_all<Q4_1>(from, width, elements, 32, to);
    case BlockType::q5_0:
      return unpack_all<Q5_0>(from, width, elements, 32, to);
    case BlockType::q5_1:
      return unpack_all<Q5_1>(from, width, elements, 32, to);
    case BlockType::q8_0:
      return unpack_all<Q8_0>(from, width, elements, 32, to);
    case BlockType::q4_k:
      return unpack_all<Q4_K>(from, width, elements, 32, to);
    case BlockType::q5_k:
      return unpack_all<Q5_K>(from, width, elements, 32, to);
    case BlockType::q6_k:
      return unpack_all<Q6_K>(from, width, elements, 16, to);
  }
}

}  // namespace gaze
