#include "tensor/tensor.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"

namespace gaze {
namespace {

TEST(DType, EveryF16SurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const F16 half{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(half);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(to_float(to_f16(wide))));
    } else {
      EXPECT_EQ(to_f16(wide).bits, half.bits);
    }
  }
}

TEST(DType, HalfTypesRoundToNearestEven) {
  EXPECT_EQ(to_bf16(1.00390625f).bits, 0x3F80);    // 1 + 2^-8: tie, down to even
  EXPECT_EQ(to_bf16(1.01171875f).bits, 0x3F82);    // 1 + 3·2^-8: tie, up to even
  EXPECT_EQ(to_f16(1.00048828125f).bits, 0x3C00);  // 1 + 2^-11: tie, down to even
  EXPECT_EQ(to_f16(65519.0f).bits, 0x7BFF);
  EXPECT_EQ(to_f16(65520.0f).bits, 0x7C00);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Shape, HoldsUpToEightDimensions) {
  const Shape shape({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(shape.rank(), 8);
  EXPECT_EQ(shape[-1], 8);
  EXPECT_THROW(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
}

TEST(Shape, RefusesProductsThatOverflow) {
  EXPECT_EQ(Shape({2, 3, 4}).elements(), 24);
  EXPECT_EQ(Shape({}).elements(), 1);
  EXPECT_EQ(Shape({0, 5}).elements(), 0);
  EXPECT_THROW(Shape({-1, 4}).elements(), Error);
  EXPECT_THROW(Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}).elements(), Error);
  EXPECT_THROW(Shape({0, std::int64_t{1} << 40, std::int64_t{1} << 40}).elements(), Error);
}

TEST(Tensor, ViewsShareMemoryAndClonesDoNot) {
  Tensor tensor = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  Tensor tail = tensor.rows(1, 3);
  EXPECT_EQ(tail.shape(), Shape({2, 2}));
  EXPECT_EQ(tail.data<float>()[0], 3);
  Tensor copy = tail.clone();
  tail.data<float>()[0] = 7;
  EXPECT_EQ(tensor.data<float>()[2], 7);
  EXPECT_EQ(copy.data<float>()[0], 3);
  EXPECT_EQ(tensor.reshaped({6}).data<float>()[5], 6);
}

TEST(Tensor, WidensUnalignedBorrowedMemory) {
  const unsigned char bytes[] = {0xFF, 0x80, 0x3F, 0x00, 0xC0};  // one odd byte, then bf16 1 and -2
  const auto view = std::as_bytes(std::span(bytes)).subspan(1);
  const Tensor wide = Tensor::borrow(view, {2}, DType::bf16, nullptr).to_f32();
  EXPECT_EQ(wide.data<float>()[0], 1);
  EXPECT_EQ(wide.data<float>()[1], -2);
}

}  // namespace
}  // namespace gaze
