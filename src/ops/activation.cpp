#include "ops/activation.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/activation.cpp"
#include <hwy/foreach_target.h>
// Highway compiles this file once for every instruction set.
#include "base/parallel.h"
#include "ops/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaze {
namespace HWY_NAMESPACE {

void ApplyRange(Activation activation, Tensor& x, std::int64_t begin, std::int64_t end) {
  const auto count = static_cast<std::size_t>(end - begin);
  if (x.dtype() == DType::f32) {
    ActivateAll(activation, x.data<float>() + begin, count);
  } else {
    ActivateAll(activation, x.data<Bf16>() + begin, count);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaze {

HWY_EXPORT(ApplyRange);

std::optional<Activation> activation_named(std::string_view hidden_act) {
  if (hidden_act == "gelu") return Activation::gelu;
  if (hidden_act == "gelu_new" || hidden_act == "gelu_pytorch_tanh") return Activation::gelu_tanh;
  if (hidden_act == "quick_gelu") return Activation::quick_gelu;
  if (hidden_act == "silu" || hidden_act == "swish") return Activation::silu;
  if (hidden_act == "relu") return Activation::relu;
  if (hidden_act == "relu6") return Activation::relu6;
  if (hidden_act == "tanh") return Activation::tanh;
  return std::nullopt;
}

void apply(Activation activation, Tensor& x) {
  if (activation == Activation::none) return;
  parallel_ranges(x.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
    HWY_DYNAMIC_DISPATCH(ApplyRange)(activation, x, begin, end);
  });
}

}  // namespace gaze
#endif
