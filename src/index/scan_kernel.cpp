#include "index/scan_kernel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/scan_kernel.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The CPU fetches ahead by itself, but no further than the end of a page of 4 KiB.
constexpr std::int64_t kAhead = 4096;

// kRows rows at once share each load of the query.
template <int kRows>
void scan(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int32_t* sums) {
  const hn::ScalableTag<std::int16_t> d16;
  const hn::Rebind<std::int8_t, decltype(d16)> d8;
  const hn::RepartitionToWide<decltype(d16)> d32;
  using Sum = hn::Vec<decltype(d32)>;
  Sum even[kRows], odd[kRows];
  for (int r = 0; r < kRows; ++r) even[r] = odd[r] = hn::Zero(d32);
  const auto step = static_cast<std::int64_t>(hn::Lanes(d16));
  for (std::int64_t i = 0; i < stride; i += step) {
    const auto q = hn::LoadU(d16, query + i);
    for (int r = 0; r < kRows; ++r) {
      const std::int8_t* at = codes + r * stride + i;
      hwy::Prefetch(at + kAhead);
      const auto c = hn::PromoteTo(d16, hn::LoadU(d8, at));
      even[r] = hn::ReorderWidenMulAccumulate(d32, q, c, even[r], odd[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) sums[r] = hn::GetLane(hn::SumOfLanes(d32, hn::Add(even[r], odd[r])));
}

void scan_rows(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int64_t rows,
               std::int32_t* sums) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) scan<4>(query, codes + r * stride, stride, sums + r);
  for (; r < rows; ++r) scan<1>(query, codes + r * stride, stride, sums + r);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(scan_rows);

void scan_rows(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int64_t rows,
               std::int32_t* sums) {
  HWY_DYNAMIC_DISPATCH(scan_rows)(query, codes, stride, rows, sums);
}

void scan_rows_slow(const std::int16_t* query, const std::int8_t* codes, std::int64_t stride, std::int64_t rows,
                    std::int32_t* sums) {
  for (std::int64_t r = 0; r < rows; ++r) {
    sums[r] = 0;
    for (std::int64_t i = 0; i < stride; ++i) sums[r] += query[i] * codes[r * stride + i];
  }
}

}  // namespace gaze
#endif  // HWY_ONCE
