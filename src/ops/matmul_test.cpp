// Against the slow twin. ctest runs these once for each instruction set that oneDNN knows (ONEDNN_MAX_CPU_ISA).
#include "ops/matmul.h"

#include <array>
#include <thread>
#include <vector>

#include "ops/isa.h"
#include "ops/reference.h"
#include "ops/scratch.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

using test::expect_close;
using test::random;

double cosine(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to_f32(), y = b.to_f32();
  double xy = 0, xx = 0, yy = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    const double p = x.data<float>()[i], q = y.data<float>()[i];
    xy += p * q, xx += p * p, yy += q * q;
  }
  return xy / std::sqrt(xx * yy);
}

struct Size {
  std::int64_t rows, in, out;
};
constexpr std::array<Size, 8> kSizes{
    {{1, 1, 1}, {1, 64, 100}, {3, 7, 5}, {50, 40, 120}, {77, 96, 33}, {17, 130, 257}, {257, 64, 64}, {8, 770, 48}}};

TEST(Matmul, F32IsItsFormula) {
  for (const Size size : kSizes) {
    for (const DType stored : {DType::f32, DType::f16, DType::bf16}) {
      for (const bool biased : {true, false}) {
        SCOPED_TRACE(testing::Message() << size.rows << "x" << size.in << "x" << size.out);
        const Tensor weight = random({size.out, size.in}, 1, stored, true, 0.3f), x = random({size.rows, size.in}, 2);
        const Tensor bias = biased ? random({size.out}, 3, stored, true) : Tensor();
        const PackedMatmul matmul({weight, bias}, {.precision = Precision::f32});
        Tensor y = Tensor::empty({size.rows, size.out}, DType::f32);
        matmul.run(x, y);
        expect_close(y, reference::matmul(x, weight, bias, Activation::none), 1e-5);
      }
    }
  }
}

TEST(Matmul, FusesEveryActivation) {
  const Tensor weight = random({70, 33}, 1, DType::f32, false, 0.3f), bias = random({70}, 2), x = random({9, 33}, 3);
  for (const auto name : {"gelu", "gelu_new", "quick_gelu", "silu", "relu", "relu6", "tanh"}) {
    SCOPED_TRACE(name);
    const Activation activation = *activation_named(name);
    const Tensor expected = reference::matmul(x, weight, bias, activation);
    Tensor y = Tensor::empty({9, 70}, DType::f32);
    PackedMatmul({weight, bias}, {Precision::f32, activation}).run(x, y);
    expect_close(y, expected, 1e-5);
    PackedMatmul({weight, bias}, {Precision::bf16, activation}).run(x, y);
    EXPECT_GT(cosine(y, expected), 0.9999);
    PackedMatmul({weight, bias}, {Precision::int8, activation}).run(x, y);
    EXPECT_GT(cosine(y, expected), 0.999);
  }
}

TEST(Matmul, Bf16RoundsOnlyItsInputs) {
  for (const Size size : kSizes) {
    SCOPED_TRACE(testing::Message() << size.rows << "x" << size.in << "x" << size.out);
    const Tensor weight = random({size.out, size.in}, 1, DType::bf16, false, 0.3f), bias = random({size.out}, 2);
    const Tensor x = random({size.rows, size.in}, 3, DType::bf16, true);
    const PackedMatmul matmul({weight, bias}, {.precision = Precision::bf16});
    const Tensor expected = reference::matmul(x, weight, bias, Activation::none);
    for (const DType to : {DType::f32, DType::bf16}) {
      Tensor y = Tensor::empty({size.rows, size.out}, to);
      matmul.run(x, y);
      expect_close(y, expected, 1e-4);
    }
  }
}

TEST(Matmul, Int8IsNearTheFormulaWhateverTheRowsScale) {
  for (const Size size : kSizes) {
    if (size.in < 30) continue;  // too few terms for the rounding to average out
    SCOPED_TRACE(testing::Message() << size.rows << "x" << size.in << "x" << size.out);
    const Tensor weight = random({size.out, size.in}, 1), bias = random({size.out}, 2);
    for (const DType from : {DType::f32, DType::bf16}) {
      Tensor x = random({size.rows, size.in}, 3, from);
      if (from == DType::f32) {  // rows of very different size: each has its own scale
        for (std::int64_t i = 0; i < x.elements(); ++i) x.data<float>()[i] *= i / size.in % 2 ? 100.0f : 0.01f;
      }
      const PackedMatmul matmul({weight, bias}, {.precision = Precision::int8});
      const Tensor expected = reference::matmul(x, weight, bias, Activation::none);
      for (const DType to : {DType::f32, DType::bf16}) {
        Tensor y = Tensor::empty({size.rows, size.out}, to);
        matmul.run(x, y);
        for (std::int64_t r = 0; r < size.rows; ++r) {
          EXPECT_GT(cosine(y.rows(r, r + 1), expected.rows(r, r + 1)), cpu_features().avx512_vnni ? 0.999 : 0.998);
        }
      }
    }
  }
}

TEST(Matmul, AddsToTheResidual) {
  const Tensor weight = random({31, 64}, 1, DType::f32, false, 0.3f), bias = random({31}, 2), x = random({2, 9, 64}, 3);
  const Tensor product = reference::matmul(x, weight, bias, Activation::none);
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::int8}) {
    const Tensor residual = random({2, 9, 31}, 4);
    Tensor y = residual.clone(), expected = residual.clone();
    for (std::int64_t i = 0; i < y.elements(); ++i) expected.data<float>()[i] += product.data<float>()[i];
    PackedMatmul({weight, bias}, {.precision = precision}).run_add(x, y);
    if (precision == Precision::f32) expect_close(y, expected, 1e-5);
    EXPECT_GT(cosine(y, expected), 0.9995);
  }
}

TEST(Matmul, OneObjectServesManyShapesAndThreads) {
  const Tensor weight = random({48, 32}, 1, DType::f32, false, 0.3f);
  const PackedMatmul matmul({weight, {}}, {.precision = Precision::f32});
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t rows = 1; rows < 80; ++rows) {
        const Tensor x = random({rows, 32}, t + 10);
        Tensor y = Tensor::empty({rows, 48}, DType::f32);
        matmul.run(x, y);
        expect_close(y, reference::matmul(x, weight, {}, Activation::none), 1e-5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Scratch, GivesTheSameMemoryAgain) {
  const void* first = nullptr;
  for (int pass = 0; pass < 4; ++pass) {
    Scratch::Frame outer;
    const Tensor a = outer.tensor({1000, 1000}, DType::f32);
    const void* inner_memory = nullptr;
    for (int i = 0; i < 2; ++i) {
      Scratch::Frame inner;
      const Tensor b = inner.tensor({77}, DType::u8), c = inner.tensor({3}, DType::f32);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(c.raw()) % 64, 0u);
      EXPECT_GE(c.raw(), b.raw() + 77);
      if (i == 1) {
        EXPECT_EQ(b.raw(), inner_memory);
      }
      inner_memory = b.raw();
    }
    if (pass == 2) first = a.raw();
    if (pass == 3) {
      EXPECT_EQ(a.raw(), first);
    }
  }
}

TEST(Isa, AutomaticIsDecidedOnce) {
  EXPECT_NE(resolve(Precision::automatic), Precision::automatic);
  EXPECT_EQ(resolve(Precision::f32), Precision::f32);
  EXPECT_EQ(resolve(Precision::int8), Precision::int8);
  EXPECT_FALSE(isa_name().empty());
}

}  // namespace
}  // namespace gaze
