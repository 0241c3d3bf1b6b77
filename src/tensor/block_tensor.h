// Weights quantised in small blocks that share a scale, as ggml lays them out and GGUF files carry them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tensor/shape.h"
#include "tensor/tensor.h"

namespace gaze {

// The K types have blocks of 256 with 6-bit scales of their 16 or 32 element parts, the others blocks of 32.
enum class BlockType { q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k };

std::string_view to_string(BlockType type);  // "Q4_0", "Q6_K" …
std::int64_t block_elements(BlockType type);
std::int64_t block_bytes(BlockType type);

// The reference: blocks to float32, in ggml's order of operations. `to` holds whole blocks, `from` exactly as many.
void dequantise(BlockType type, std::span<const std::byte> from, std::span<float> to);

// A tensor in blocks that run along its innermost dimension, row after row. Borrows memory that `owner` keeps alive;
// unaligned as the file may be. Immutable, safe to share.
struct BlockTensor {
  BlockType type = BlockType::q4_0;
  Shape shape;  // the innermost extent is a multiple of block_elements(type)
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;

  // Errors: out_of_memory.
  Tensor to_f32() const;
};

}  // namespace gaze
