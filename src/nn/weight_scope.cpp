#include "nn/weight_scope.h"

#include <fmt/format.h>

#include "base/check.h"
#include "ops/isa.h"

namespace gaze {

WeightScope WeightScope::operator/(std::string_view name) const {
  WeightScope inner = *this;
  inner.prefix_ = fmt::format("{}{}.", prefix_, name);
  return inner;
}

std::string WeightScope::full(std::string_view name) const {
  return fmt::format("{}{}", prefix_, name);
}

bool WeightScope::has(std::string_view name) const {
  return source_->find(full(name)) != nullptr;
}

Tensor WeightScope::tensor(std::string_view name) const {
  GAZE_CHECK(has(name));
  return source_->tensor(full(name));
}

Tensor WeightScope::f32(std::string_view name) const {
  return tensor(name).to_f32();
}

std::optional<BlockTensor> WeightScope::blocks(std::string_view name) const {
  GAZE_CHECK(has(name));
  return source_->blocks(full(name));
}

void WeightScope::forget(std::string_view name) const {
  source_->forget(full(name));
}

DType WeightScope::activation_dtype() const {
  if (precision_ == Precision::f32) return DType::f32;
  // Narrow where products take them so, or read them once more to quantise them and narrowing costs nothing.
  const CpuFeatures& cpu = cpu_features();
  if (precision_ == Precision::int8) return cpu.avx512_bf16 ? DType::bf16 : DType::f32;
  return cpu.amx || cpu.fast_bf16_pairs ? DType::bf16 : DType::f32;
}

}  // namespace gaze
