// Both engines of PackedMatmul against the slow twin: our own product on every instruction set and kind of numbers,
// oneDNN on what ONEDNN_MAX_CPU_ISA leaves it (ctest runs these once for each).
#define HWY_WANT_AVX3_DL  // as ops/gemm_kernels.cpp
#include "ops/gemm.h"

#include <array>
#include <vector>

#include "ops/isa.h"
#include "ops/onednn_matmul.h"
#include "ops/reference.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::for_each_target;
using test::random;

struct Case {
  std::int64_t rows, in, out;
};
// Rows around a block's 12 and 6, depths that leave a rest of words, features around a panel's 32 and its parts.
constexpr std::array<Case, 11> kCases{{{1, 1, 1},
                                       {1, 64, 100},
                                       {3, 7, 5},
                                       {4, 8, 31},
                                       {11, 33, 32},
                                       {12, 12, 33},
                                       {13, 66, 64},
                                       {25, 40, 120},
                                       {77, 96, 47},
                                       {257, 64, 65},
                                       {400, 770, 48}}};

double relative_error(const Tensor& actual, const Tensor& expected) {
  const Tensor a = actual.to_f32();
  double error = 0, norm = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double difference = a.data<float>()[i] - expected.data<float>()[i];
    error += difference * difference;
    norm += static_cast<double>(expected.data<float>()[i]) * expected.data<float>()[i];
  }
  return std::sqrt(error / norm);
}

// All ways of calling one product: input and output types, with and without what is there already.
template <class Make>
void check(const Case& c, double tolerance, const Make& make) {
  const Tensor weight = random({c.out, c.in}, 1, DType::bf16, true, 0.3f), bias = random({c.out}, 2);
  for (const bool biased : {true, false}) {
    const auto product = make(weight, biased ? bias : Tensor(), Activation::none);
    for (const DType from : {DType::f32, DType::bf16}) {
      const Tensor x = random({c.rows, c.in}, 3, from, true);
      const Tensor expected = reference::matmul(x, weight, biased ? bias : Tensor(), Activation::none);
      for (const DType to : {DType::f32, DType::bf16}) {
        Tensor y = Tensor::empty({c.rows, c.out}, to);
        product.run(x, y, false);
        EXPECT_LT(relative_error(y, expected), tolerance + (to == DType::bf16 ? 4e-3 : 0));
      }
      Tensor sum = random({c.rows, c.out}, 4), expected_sum = sum.clone();
      for (std::int64_t i = 0; i < sum.elements(); ++i) expected_sum.data<float>()[i] += expected.data<float>()[i];
      product.run(x, sum, true);
      EXPECT_LT(relative_error(sum, expected_sum), tolerance);
    }
  }
  for (const Activation activation : {Activation::gelu, Activation::quick_gelu, Activation::tanh}) {
    const Tensor x = random({c.rows, c.in}, 5);
    Tensor y = Tensor::empty({c.rows, c.out}, DType::f32);
    make(weight, bias, activation).run(x, y, false);
    EXPECT_LT(relative_error(y, reference::matmul(x, weight, bias, activation)), 2 * tolerance);
  }
}

// Rounding errors of the input: none, 2⁻⁹ a number, about 1/200 of a row's largest.
double tolerance_of(GemmKind kind) {
  switch (kind) {
    case GemmKind::f32:
    case GemmKind::bf16:
      return 2e-6;
    case GemmKind::bf16_pairs:
      return 6e-3;
    case GemmKind::int8:
      return 4e-2;
  }
  return 0;
}

TEST(Matmul, OwnProductIsItsFormulaOnEveryInstructionSet) {
  for_each_target([] {
    for (const GemmKind kind : {GemmKind::f32, GemmKind::bf16, GemmKind::bf16_pairs, GemmKind::int8}) {
      if (!is_available(kind)) continue;
      for (const Case& c : kCases) {
        SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(kind) << ": " << c.rows << "x" << c.in << "x"
                                        << c.out);
        check(c, tolerance_of(kind), [kind](const Tensor& weight, const Tensor& bias, Activation activation) {
          return PackedGemm({weight, bias}, kind, activation);
        });
      }
    }
  });
}

TEST(Matmul, OnednnIsTheFormula) {
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    if (precision == Precision::bf16 && !cpu_features().avx512) continue;  // oneDNN has none below
    for (const Case& c : {kCases[2], kCases[7], kCases[8]}) {
      SCOPED_TRACE(testing::Message() << to_string(precision) << ": " << c.rows << "x" << c.in << "x" << c.out);
      const double tolerance = precision == Precision::f32 ? 2e-6 : precision == Precision::bf16 ? 6e-3 : 6e-2;
      check(c, tolerance, [precision](const Tensor& weight, const Tensor& bias, Activation activation) {
        return OnednnMatmul({weight, bias}, {precision, activation});
      });
    }
  }
}

}  // namespace
}  // namespace gaze
