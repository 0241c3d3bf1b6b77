// The numbers by which GGUF files name the types of their tensors.
#pragma once

#include <cstdint>

#include "tensor/block_tensor.h"
#include "tensor/dtype.h"

namespace gaze {

struct GgufPlainType {
  std::uint32_t number;
  DType type;
};
inline constexpr GgufPlainType kGgufPlainTypes[] = {{0, DType::f32},  {1, DType::f16}, {30, DType::bf16},
                                                    {28, DType::f64}, {24, DType::i8}, {25, DType::i16},
                                                    {26, DType::i32}, {27, DType::i64}};

struct GgufBlockType {
  std::uint32_t number;
  BlockType type;
};
inline constexpr GgufBlockType kGgufBlockTypes[] = {{2, BlockType::q4_0},  {3, BlockType::q4_1}, {6, BlockType::q5_0},
                                                    {7, BlockType::q5_1},  {8, BlockType::q8_0}, {12, BlockType::q4_k},
                                                    {13, BlockType::q5_k}, {14, BlockType::q6_k}};

inline constexpr std::uint64_t kGgufAlignment = 32;  // where a file says no other

}  // namespace gaze
