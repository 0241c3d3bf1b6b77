#include "ops/elementwise.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/elementwise.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

void ConvertRange(const Tensor& from, Tensor& to, std::int64_t begin, std::int64_t end) {
  WithTypes(from, to, [&](const auto* x, auto* y) HWY_ATTR {
    ForVectors(static_cast<std::size_t>(end - begin),
               [&](auto d, std::size_t i) HWY_ATTR { StoreFloats(LoadFloats(d, x + begin + i), d, y + begin + i); });
  });
}

void AddRow(float* x, const float* y, std::size_t width) {
  ForVectors(width, [&](auto d, std::size_t i)
                        HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, x + i); });
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(ConvertRange);
HWY_EXPORT(AddRow);

namespace {

constexpr std::int64_t kGrain = 16384;  // elements a task, at least

float load(const std::byte* table, DType type, std::int64_t index) {
  const std::byte* at = table + static_cast<std::size_t>(index) * size_of(type);
  switch (type) {
    case DType::f32: {
      float value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    case DType::f16: {
      F16 value;
      std::memcpy(&value, at, sizeof(value));
      return to_float(value);
    }
    default: {
      GAZE_CHECK(type == DType::bf16);
      Bf16 value;
      std::memcpy(&value, at, sizeof(value));
      return to_float(value);
    }
  }
}

}  // namespace

void convert(const Tensor& from, Tensor& to) {
  GAZE_CHECK(from.elements() == to.elements());
  parallel_ranges(from.elements(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ConvertRange)(from, to, begin, end);
  });
}

void gather_rows(const Tensor& table, std::span<const std::int32_t> ids, Tensor& to) {
  const std::int64_t width = table.size(-1), rows = table.size(0);
  GAZE_CHECK(table.shape().rank() == 2 && to.elements() == width * static_cast<std::int64_t>(ids.size()));
  for (std::size_t r = 0; r < ids.size(); ++r) {
    GAZE_CHECK(0 <= ids[r] && ids[r] < rows);
    const std::int64_t from = ids[r] * width, at = static_cast<std::int64_t>(r) * width;
    if (table.dtype() == to.dtype()) {
      const std::size_t size = size_of(to.dtype()), bytes = static_cast<std::size_t>(width) * size;
      std::memcpy(to.raw() + static_cast<std::size_t>(at) * size, table.raw() + static_cast<std::size_t>(from) * size,
                  bytes);
    } else if (to.dtype() == DType::f32) {
      float* row = to.data<float>() + at;
      for (std::int64_t i = 0; i < width; ++i) row[i] = load(table.raw(), table.dtype(), from + i);
    } else {
      Bf16* row = to.data<Bf16>() + at;
      for (std::int64_t i = 0; i < width; ++i) row[i] = to_bf16(load(table.raw(), table.dtype(), from + i));
    }
  }
}

void add_broadcast(Tensor& x, const Tensor& y) {
  const std::int64_t width = y.elements();
  GAZE_CHECK(width > 0 && x.elements() % width == 0);
  float* to = x.data<float>();
  const float* from = y.data<float>();
  parallel_for(x.elements() / width, [&](std::int64_t i) {
    HWY_DYNAMIC_DISPATCH(AddRow)(to + i * width, from, static_cast<std::size_t>(width));
  });
}

}  // namespace gaze
#endif
