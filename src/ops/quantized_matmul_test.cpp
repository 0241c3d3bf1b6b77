// Every kernel against the reference product of the dequantised numbers, for every block type and awkward sizes.
#include "ops/quantized_matmul.h"

#include <memory>
#include <optional>
#include <random>

#include <gtest/gtest.h>

#include "ops/isa.h"
#include "ops/quantized_rows.h"
#include "ops/reference.h"
#include "ops/test_support.h"
#include "tensor/block_layout.h"

namespace gaze {
namespace {

constexpr BlockType kTypes[] = {BlockType::q4_0, BlockType::q4_1, BlockType::q5_0, BlockType::q5_1,
                                BlockType::q8_0, BlockType::q4_k, BlockType::q5_k, BlockType::q6_k};

// Any bytes are blocks; only the half precision numbers in them must be small. Memory ends where the blocks end and
// begins at an odd address. byte: what all bytes are, else random ones.
BlockTensor random_blocks(BlockType type, std::int64_t rows, std::int64_t width, unsigned seed,
                          std::optional<int> byte = {}) {
  const auto block = static_cast<std::size_t>(block_bytes(type));
  const std::size_t size = static_cast<std::size_t>(rows * width / block_elements(type)) * block;
  const std::shared_ptr<std::byte[]> memory(new std::byte[size + 1]);
  std::byte* const bytes = memory.get() + 1;
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(byte ? static_cast<unsigned>(*byte) : random());
  const auto set_half = [&](std::size_t at, float value) {
    const F16 half = to_f16(value);
    std::memcpy(bytes + at, &half, sizeof(half));
  };
  std::uniform_real_distribution<float> scale(-0.02f, 0.02f);
  const bool two =
      type == BlockType::q4_1 || type == BlockType::q5_1 || type == BlockType::q4_k || type == BlockType::q5_k;
  for (std::size_t at = 0; at < size; at += block) {
    const std::size_t first = type == BlockType::q6_k ? offsetof(block_layout::Q6_K, scale) : 0;
    set_half(at + first, scale(random) * (block_elements(type) == 256 ? 0.05f : 1));
    if (two) set_half(at + first + 2, scale(random));
  }
  return {type, {rows, width}, {bytes, size}, memory};
}

// What the activations become: the rest of the product is exact up to the order of float32 sums.
Tensor through_int8(const Tensor& x) {
  Scratch::Frame frame;
  const QuantizedRows rows = quantize_blocks(x, frame);
  Tensor wide = Tensor::empty(x.shape(), DType::f32);
  const std::int64_t width = x.size(-1);
  std::fill_n(wide.data<float>(), wide.elements(), 0.0f);
  for (std::int64_t m = 0; m < rows.rows; ++m) {
    const std::int64_t to = m < rows.given ? m : rows.rest_of[static_cast<std::size_t>(m - rows.given)];
    for (std::int64_t k = 0; k < width; ++k) {
      wide.data<float>()[to * width + k] +=
          rows.scales[m * rows.padded + k / 32] * static_cast<float>(rows.values[m * rows.stride + k]);
    }
  }
  return wide;
}

std::vector<QuantizedIsa> present_isas() {
  std::vector<QuantizedIsa> isas{QuantizedIsa::plain};
  if (cpu_features().avx2) isas.push_back(QuantizedIsa::avx2);
  if (cpu_features().avx_vnni) isas.push_back(QuantizedIsa::avx_vnni);
  if (cpu_features().avx512_vnni) isas.push_back(QuantizedIsa::avx512);
  return isas;
}

TEST(QuantizedRows, AreWithinHalfAStepAndKnowTheirSums) {
  test::for_each_target([] {
    for (const DType type : {DType::f32, DType::bf16}) {
      const Tensor x = test::random({3, 160}, 5, type, true, 3);
      const Tensor wide = x.to_f32(), back = through_int8(x);
      Scratch::Frame frame;
      const QuantizedRows rows = quantize_blocks(x, frame);
      for (std::int64_t m = 0; m < 3; ++m) {
        for (std::int64_t k = 0; k < 160; ++k) {
          const float scale = rows.scales[m * rows.padded + k / 32];
          EXPECT_NEAR(back.data<float>()[m * 160 + k], wide.data<float>()[m * 160 + k], 0.501f * scale);
        }
        for (std::int64_t part = 0; part < 10; ++part) {
          int sum = 0;
          for (int i = 0; i < 16; ++i) sum += rows.values[m * rows.stride + part * 16 + i];
          EXPECT_EQ(rows.sums[m * 2 * rows.padded + part], sum);
        }
      }
    }
  });
}

TEST(QuantizedRows, WhatStandsBesideAMassiveNumberIsNotLost) {
  Tensor x = test::random({3, 256}, 5);
  x.data<float>()[256 + 40] = 3000;
  Scratch::Frame frame;
  const QuantizedRows rows = quantize_blocks(x, frame);
  EXPECT_EQ(rows.rest_of, std::vector<std::int64_t>{1});
  const Tensor back = through_int8(x);
  for (std::int64_t k = 32; k < 64; ++k) {
    EXPECT_NEAR(back.data<float>()[256 + k], x.data<float>()[256 + k], 0.06) << k;  // 3000 / 127 / 2 / 254 · 1.2
  }
}

TEST(QuantizedRows, ZerosStayZeros) {
  const Tensor x = Tensor::zeros({2, 64}, DType::f32);
  test::expect_close(through_int8(x), x, 0);
}

TEST(QuantizedMatmul, EveryKernelIsTheReferencesProduct) {
  for (const BlockType type : kTypes) {
    for (const std::int64_t blocks : {1, 2, 3, 5, 9}) {
      const std::int64_t width = blocks * block_elements(type);
      for (const std::int64_t out : {1, 3, 37, 64}) {
        for (const std::int64_t rows : {1, 2, 4, 5, 6, 7, 21}) {
          const BlockTensor weight = random_blocks(type, out, width, static_cast<unsigned>(blocks * 100 + out));
          const Tensor x = test::random({rows, width}, static_cast<unsigned>(rows), DType::f32, true);
          const Tensor expected = reference::matmul(through_int8(x), weight.to_f32(), {}, Activation::none);
          for (const QuantizedIsa isa : present_isas()) {
            SCOPED_TRACE(std::string(to_string(type)) + " isa " + std::to_string(static_cast<int>(isa)));
            Tensor y = Tensor::empty({rows, out}, DType::f32);
            QuantizedMatmul({weight}, {}, isa).run(x, y);
            ASSERT_NO_FATAL_FAILURE(test::expect_close(y, expected, 2e-4)) << width << " " << out << " " << rows;
          }
        }
      }
    }
  }
}

// All weights at either end of their range with activations at ±127: sums that narrow instructions would saturate.
TEST(QuantizedMatmul, TheLargestSumsAreWhole) {
  constexpr std::int64_t kWidth = 512, kOut = 11;
  for (const BlockType type : kTypes) {
    for (const int byte : {0x00, 0xFF, 0x7F, 0x80}) {
      const BlockTensor weight = random_blocks(type, kOut, kWidth, 1, byte);
      for (const std::int64_t rows : {1, 9}) {
        Tensor x = Tensor::empty({rows, kWidth}, DType::f32);
        for (std::int64_t i = 0; i < x.elements(); ++i) x.data<float>()[i] = i / kWidth % 2 == 0 ? 1.0f : -1.0f;
        const Tensor expected = reference::matmul(x, weight.to_f32(), {}, Activation::none);
        for (const QuantizedIsa isa : present_isas()) {
          SCOPED_TRACE(std::string(to_string(type)) + " isa " + std::to_string(static_cast<int>(isa)));
          Tensor y = Tensor::empty({rows, kOut}, DType::f32);
          QuantizedMatmul({weight}, {}, isa).run(x, y);
          ASSERT_NO_FATAL_FAILURE(test::expect_close(y, expected, 2e-4)) << byte << " " << rows;
        }
      }
    }
  }
}

TEST(QuantizedMatmul, PartsOfDifferentTypesStandSideBySide) {
  constexpr std::int64_t kWidth = 512;
  const BlockTensor a = random_blocks(BlockType::q4_k, 40, kWidth, 1), b = random_blocks(BlockType::q6_k, 7, kWidth, 2);
  const BlockTensor c = random_blocks(BlockType::q8_0, 33, kWidth, 3);
  const Tensor bias = test::random({80}, 4, DType::bf16);
  for (const std::int64_t rows : {1, 12}) {
    const Tensor x = test::random({rows, kWidth}, 9);
    const Tensor quantised = through_int8(x), before = test::random({rows, 80}, 10);
    Tensor expected = before.clone();
    std::int64_t column = 0;
    for (const BlockTensor& part : {a, b, c}) {
      const Tensor own = reference::matmul(quantised, part.to_f32(), {}, Activation::none);
      for (std::int64_t m = 0; m < rows; ++m) {
        for (std::int64_t n = 0; n < part.shape[0]; ++n) {
          expected.data<float>()[m * 80 + column + n] +=
              own.data<float>()[m * part.shape[0] + n] + bias.to_f32().data<float>()[column + n];
        }
      }
      column += part.shape[0];
    }
    for (const QuantizedIsa isa : present_isas()) {
      Tensor y = before.clone();
      QuantizedMatmul({a, b, c}, bias, isa).run_add(x, y);
      test::expect_close(y, expected, 2e-4);
    }
  }
}

}  // namespace
}  // namespace gaze
