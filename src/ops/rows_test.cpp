// Ops on rows and elements, against their slow twins: odd widths, misaligned memory, both types, every instruction set.
#include <array>
#include <cmath>
#include <limits>

#include "ops/activation.h"
#include "ops/elementwise.h"
#include "ops/log_sum_exp.h"
#include "ops/norm.h"
#include "ops/quantize.h"
#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::for_each_target;
using test::random;

constexpr std::array<std::int64_t, 9> kWidths{1, 2, 7, 15, 16, 17, 33, 64, 770};
constexpr std::array<DType, 2> kTypes{DType::f32, DType::bf16};

// body(x, type of y) for all widths, types and alignments.
template <class Body>
void for_rows(const Body& body) {
  for_each_target([&] {
    for (const std::int64_t width : kWidths) {
      for (const DType from : kTypes) {
        for (const DType to : kTypes) {
          for (const bool misaligned : {false, true}) {
            SCOPED_TRACE(testing::Message() << width << " " << to_string(from) << " -> " << to_string(to));
            body(random({3, width}, 1, from, misaligned, 3), to);
          }
        }
      }
    }
  });
}

TEST(Norm, LayerNormIsItsFormula) {
  for_rows([](const Tensor& x, DType to) {
    const Tensor weight = random({x.size(1)}, 2, DType::f32, true), bias = random({x.size(1)}, 3, DType::f32, true);
    Tensor y = Tensor::empty(x.shape(), to);
    layer_norm(x, weight, bias, 1e-5f, y);
    expect_close(y, reference::layer_norm(x, weight, bias, 1e-5), 3e-6);
  });
}

TEST(Norm, LayerNormMayWriteOverItsInput) {
  Tensor x = random({5, 33}, 1);
  const Tensor weight = random({33}, 2), bias = random({33}, 3),
               expected = reference::layer_norm(x, weight, bias, 1e-5);
  layer_norm(x, weight, bias, 1e-5f, x);
  expect_close(x, expected, 3e-6);
}

TEST(Norm, RmsNormIsItsFormula) {
  for_rows([](const Tensor& x, DType to) {
    const Tensor weight = random({x.size(1)}, 2, DType::f32, true);
    Tensor y = Tensor::empty(x.shape(), to);
    rms_norm(x, weight, 1e-6f, y);
    expect_close(y, reference::rms_norm(x, weight, 1e-6), 3e-6);
  });
}

TEST(Norm, L2NormalizeAndSoftmaxAreTheirFormulas) {
  for_rows([](const Tensor& x, DType) {
    if (x.dtype() != DType::f32) return;
    Tensor length = x.clone(), probability = x.clone();
    l2_normalize(length);
    expect_close(length, reference::l2_normalize(x), 1e-6);
    softmax(probability);
    expect_close(probability, reference::softmax(x), 1e-6);
  });
}

TEST(Norm, ZerosHaveNoDirectionAndLargeLogitsDoNotOverflow) {
  Tensor zeros = Tensor::zeros({2, 5}, DType::f32);
  l2_normalize(zeros);
  for (const float value : zeros.values<float>()) EXPECT_EQ(value, 0);
  Tensor logits = Tensor::of<float>({1, 3}, {1000, 1000, -1000});
  softmax(logits);
  EXPECT_FLOAT_EQ(logits.data<float>()[0], 0.5f);
  EXPECT_LT(logits.data<float>()[2], 1e-37f);
}

TEST(Activation, EachIsItsFormula) {
  for_each_target([] {
    for (const auto name : {"gelu", "gelu_new", "quick_gelu", "silu", "relu", "relu6", "tanh"}) {
      SCOPED_TRACE(name);
      const Activation activation = *activation_named(name);
      for (const DType type : kTypes) {
        const Tensor x = random({1, 1021}, 4, type, true, 4);
        Tensor y = x.clone(), expected = x.to_f32();
        apply(activation, y);
        for (float& value : expected.values<float>())
          value = static_cast<float>(reference::activate(activation, value));
        expect_close(y, expected, 2e-6);
      }
    }
  });
  EXPECT_FALSE(activation_named("gelu_fast_and_loose"));
}

TEST(Elementwise, ConversionRoundsToNearestEvenAndKeepsNan) {
  for_each_target([] {
    Tensor x = random({1, 1000}, 5, DType::f32, true, 100);
    x.data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
    x.data<float>()[4] = std::numeric_limits<float>::infinity();
    x.data<float>()[5] = 1.00390625f;
    Tensor half = Tensor::empty(x.shape(), DType::bf16), back = Tensor::empty(x.shape(), DType::f32);
    convert(x, half);
    convert(half, back);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      const Bf16 expected = to_bf16(x.data<float>()[i]);
      EXPECT_EQ(half.data<Bf16>()[i].bits, expected.bits);
      if (i != 3) {
        EXPECT_EQ(back.data<float>()[i], to_float(expected));
      }
    }
    EXPECT_TRUE(std::isnan(back.data<float>()[3]));
  });
}

TEST(Elementwise, GathersRowsOfEveryFloatType) {
  const std::array<std::int32_t, 4> ids{2, 0, 2, 1};
  for (const DType from : {DType::f32, DType::bf16, DType::f16}) {
    const Tensor table = random({3, 5}, 6, from, true);
    const Tensor wide = table.to_f32();
    for (const DType to : kTypes) {
      Tensor rows = Tensor::empty({4, 5}, to);
      gather_rows(table, ids, rows);
      for (std::int64_t r = 0; r < 4; ++r) {
        expect_close(rows.rows(r, r + 1),
                     wide.rows(ids[static_cast<std::size_t>(r)], ids[static_cast<std::size_t>(r)] + 1),
                     to == DType::bf16 || from == to ? 0 : 1e-7);
      }
    }
  }
}

TEST(Elementwise, AddsPositionsToEveryRowOfTheBatch) {
  for_each_target([] {
    Tensor x = random({3, 2, 7}, 7);
    const Tensor before = x.clone(), y = random({2, 7}, 8);
    add_broadcast(x, y);
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      EXPECT_EQ(x.data<float>()[i], before.data<float>()[i] + y.data<float>()[i % 14]);
    }
  });
}

TEST(Quantize, StaysWithinHalfAStepAndKeepsZeros) {
  for_each_target([] {
    for (const std::int64_t width : kWidths) {
      for (const DType from : kTypes) {
        Tensor x = random({3, width}, 9, from, true);
        const Tensor wide = x.to_f32();
        Tensor q = Tensor::empty(x.shape(), DType::i8), u = Tensor::empty(x.shape(), DType::u8);
        Tensor scales = Tensor::empty({3}, DType::f32);
        quantize_rows(x, 127, u, scales);
        quantize_rows(x, 63, q, scales);
        for (std::int64_t i = 0; i < x.elements(); ++i) {
          const float step = scales.data<float>()[i / width];
          EXPECT_LE(std::abs(q.data<std::int8_t>()[i]), 63);
          EXPECT_NEAR(q.data<std::int8_t>()[i] * step, wide.data<float>()[i], 0.501f * step);
          EXPECT_NEAR((u.data<std::uint8_t>()[i] - 128) * step * 63 / 127, wide.data<float>()[i], 0.26f * step);
        }
      }
    }
    Tensor zeros = Tensor::zeros({1, 20}, DType::f32), q = Tensor::empty({1, 20}, DType::u8);
    Tensor scale = Tensor::empty({1}, DType::f32);
    quantize_rows(zeros, 127, q, scale);
    EXPECT_EQ(scale.data<float>()[0], 0);
    for (const std::uint8_t value : q.values<std::uint8_t>()) EXPECT_EQ(value, 128);
  });
}

TEST(LogSumExp, IsItsFormula) {
  for_each_target([] {
    for (const std::int64_t width : {1, 2, 15, 16, 17, 1000, 1024, 1025, 30524}) {
      const Tensor x = random({1, width}, 1, DType::f32, width % 2 == 1, 20);
      double sum = 0;
      for (const float value : x.values<float>()) sum += std::exp(static_cast<double>(value));
      EXPECT_NEAR(log_sum_exp(x.values<float>()), std::log(sum), 1e-5) << width;
    }
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<float> far{-kInfinity, 1e30F, -1e30F}, none(5, -kInfinity), broken{1, NAN, 2};
    EXPECT_EQ(log_sum_exp(far), 1e30F);
    EXPECT_EQ(log_sum_exp(none), -kInfinity);
    EXPECT_TRUE(std::isnan(log_sum_exp(broken)));
  });
}

}  // namespace
}  // namespace gaze
