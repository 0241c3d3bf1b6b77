#include "ops/log_sum_exp.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/log_sum_exp.cpp"
#include <cmath>
#include <limits>

#include <hwy/foreach_target.h>

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

float LogSumExp(const float* x, std::size_t count) {
  float most = -std::numeric_limits<float>::infinity();
  bool numbers = true;
  ForVectors(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, x + i);
    numbers = numbers && hn::AllFalse(d, hn::IsNaN(value));
    const float here = hn::GetLane(hn::MaxOfLanes(d, value));
    most = here > most ? here : most;
  });
  if (!numbers) return std::numeric_limits<float>::quiet_NaN();
  if (!std::isfinite(most)) return most;

  constexpr std::size_t kBlock = 1024;  // sums of floats are short, those of the blocks are doubles
  double sum = 0;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t length = count - begin < kBlock ? count - begin : kBlock;
    const hn::ScalableTag<float> whole;
    auto sums = hn::Zero(whole);
    ForVectors(length, [&](auto d, std::size_t i) HWY_ATTR {
      const auto value = FastExp(d, hn::Sub(hn::LoadU(d, x + begin + i), hn::Set(d, most)));
      if constexpr (std::is_same_v<decltype(d), std::remove_const_t<decltype(whole)>>) {
        sums = hn::Add(sums, value);
      } else {
        sum += static_cast<double>(hn::GetLane(value));
      }
    });
    sum += static_cast<double>(hn::GetLane(hn::SumOfLanes(whole, sums)));
  }
  return most + static_cast<float>(std::log(sum));
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {
HWY_EXPORT(LogSumExp);
float log_sum_exp(std::span<const float> scores) {
  return HWY_DYNAMIC_DISPATCH(LogSumExp)(scores.data(), scores.size());
}
}  // namespace gaze
#endif
