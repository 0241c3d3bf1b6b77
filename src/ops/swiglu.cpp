#include "ops/swiglu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/swiglu.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

// Columns [begin, end) of one row.
void SwigluColumns(const Tensor& gate_up, Tensor& y, std::int64_t row, std::int64_t begin, std::int64_t end) {
  const std::int64_t width = y.size(-1);
  const float* gate = gate_up.data<float>() + 2 * row * width + begin;
  WithTypes(gate_up, y, [&](const auto*, auto* out) HWY_ATTR {
    auto* to = out + row * width + begin;
    ForVectors(static_cast<std::size_t>(end - begin), [&](auto d, std::size_t i) HWY_ATTR {
      const auto x = hn::LoadU(d, gate + i), up = hn::LoadU(d, gate + width + i);
      const auto one = hn::Set(d, 1.0f);
      StoreFloats(hn::Mul(hn::Div(x, hn::Add(one, FastExp(d, hn::Neg(x)))), up), d, to + i);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(SwigluColumns);

void swiglu(const Tensor& gate_up, Tensor& y) {
  const std::int64_t width = y.size(-1), rows = y.elements() / width;
  GAZE_CHECK(gate_up.dtype() == DType::f32 && gate_up.elements() == 2 * rows * width);
  constexpr std::int64_t kColumns = 4096;  // a task
  const std::int64_t parts = (width + kColumns - 1) / kColumns;
  parallel_for(rows * parts, [&](std::int64_t task) {
    const std::int64_t begin = task % parts * kColumns;
    HWY_DYNAMIC_DISPATCH(SwigluColumns)(gate_up, y, task / parts, begin, std::min(begin + kColumns, width));
  });
}

}  // namespace gaze
#endif
