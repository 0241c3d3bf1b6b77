// The loops of PackedGemm (ops/gemm.h).
#pragma once

#include <span>

#include "ops/gemm.h"

namespace gaze {

inline constexpr std::int64_t kPanelColumns = 32;  // two 512-bit vectors of sums; smaller vectors take a part at a time

// One product, as the kernels see it. A word is what one input feature, pair of bf16 or four of int8 take: 32 bits.
struct GemmCall {
  GemmKind kind;
  Activation activation;
  bool add;
  std::int64_t rows, out, words;
  const std::byte* panels;  // [panel][word][column], 4 bytes each, 2 for GemmKind::bf16
  const float* bias;
  const float* weight_scales;      // int8
  const std::int32_t* correction;  // int8: where the sums begin
  const float* row_scales;         // int8
  const std::int32_t* input;       // [block][word][block_stride], as pack_input leaves it
  std::int64_t blocks, block_stride;
  Tensor y;

  // Blocks are as even as they can be.
  std::int64_t first_row(std::int64_t block) const { return block * rows / blocks; }
  std::int64_t panel_bytes() const { return words * kPanelColumns * (kind == GemmKind::bf16 ? 2 : 4); }
};

// Rows that a block has at most.
std::int64_t gemm_block_rows();

// Rows of words to columns: to[word · stride + row].
void pack_words(std::span<const std::int32_t* const> rows, std::int64_t words, std::int64_t stride, std::int32_t* to);

// Blocks [first_block, last_block) times panels [first_panel, last_panel).
void multiply_panels(const GemmCall& call, std::int64_t first_panel, std::int64_t last_panel, std::int64_t first_block,
                     std::int64_t last_block);

}  // namespace gaze
