#include "ops/rotary.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "ops/activation.h"
#include "ops/reference.h"
#include "ops/swiglu.h"
#include "ops/test_support.h"

namespace gaze {
namespace {

TEST(Rotary, TurnsPairsByTheirAngles) {
  test::for_each_target([] {
    for (const std::int64_t head_size : {2, 6, 10, 64, 128}) {
      for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::adjacent}) {
        constexpr std::int64_t kRows = 11, kHeads = 3, kOffset = 5;
        const std::int64_t half = head_size / 2, width = kOffset + kHeads * head_size + 2;
        std::vector<float> frequencies;
        for (std::int64_t i = 0; i < half; ++i) {
          frequencies.push_back(static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(i) / 100)));
        }
        std::vector<std::int32_t> positions;
        for (std::int32_t row = 0; row < kRows; ++row) positions.push_back(37 + row * row);
        Tensor turns = Tensor::empty({kRows, head_size}, DType::f32);
        rotary_turns(frequencies, positions, 1.5f, turns);
        Tensor x = test::random({kRows, width}, 7);
        const Tensor before = x.clone();
        rotate(pairs, turns, kOffset, kHeads, head_size, x);

        Tensor expected = before.clone();
        for (std::int64_t row = 0; row < kRows; ++row) {
          for (std::int64_t head = 0; head < kHeads; ++head) {
            for (std::int64_t i = 0; i < half; ++i) {
              const std::int64_t at = row * width + kOffset + head * head_size;
              const std::int64_t a = at + (pairs == RotaryPairs::halves ? i : 2 * i);
              const std::int64_t b = pairs == RotaryPairs::halves ? a + half : a + 1;
              // Rounded as the op's: float32 has no more digits for a sine's argument of hundreds.
              const float angle = frequencies[static_cast<std::size_t>(i)] *
                                  static_cast<float>(positions[static_cast<std::size_t>(row)]);
              const double u = before.data<float>()[a], v = before.data<float>()[b];
              expected.data<float>()[a] =
                  static_cast<float>(1.5 * (u * std::cos(double{angle}) - v * std::sin(double{angle})));
              expected.data<float>()[b] =
                  static_cast<float>(1.5 * (v * std::cos(double{angle}) + u * std::sin(double{angle})));
            }
          }
        }
        test::expect_close(x, expected, 1e-5);
      }
    }
  });
}

TEST(Swiglu, IsSiluOfTheGateTimesUp) {
  test::for_each_target([] {
    for (const std::int64_t width : {1, 7, 64, 5003}) {
      const Tensor gate_up = test::random({3, 2 * width}, 11, DType::f32, true, 4);
      Tensor expected = Tensor::empty({3, width}, DType::f32);
      for (std::int64_t row = 0; row < 3; ++row) {
        for (std::int64_t i = 0; i < width; ++i) {
          const float* at = gate_up.data<float>() + 2 * row * width + i;
          expected.data<float>()[row * width + i] =
              static_cast<float>(reference::activate(Activation::silu, at[0]) * at[width]);
        }
      }
      for (const DType type : {DType::f32, DType::bf16}) {
        Tensor y = Tensor::empty({3, width}, type);
        swiglu(gate_up, y);
        test::expect_close(y, expected, 1e-5);
      }
    }
  });
}

}  // namespace
}  // namespace gaze
