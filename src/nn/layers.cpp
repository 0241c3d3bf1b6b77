#include "nn/layers.h"

#include <algorithm>
#include <utility>

namespace gaze {
namespace {

struct Stacked {
  Tensor weight, bias;
};

// The rows of all weights one below the other, and the biases likewise (zeros where a layer has none).
Stacked stack(std::initializer_list<WeightScope> scopes) {
  if (scopes.size() == 1) {
    const WeightScope& only = *scopes.begin();
    return {only.tensor("weight"), only.has("bias") ? only.tensor("bias") : Tensor()};
  }
  std::int64_t rows = 0;
  bool biased = false;
  for (const WeightScope& scope : scopes) {
    rows += scope.tensor("weight").size(0);
    biased = biased || scope.has("bias");
  }
  const std::int64_t in = scopes.begin()->tensor("weight").size(1);
  Stacked all{Tensor::empty({rows, in}, DType::f32), biased ? Tensor::zeros({rows}, DType::f32) : Tensor()};
  std::int64_t row = 0;
  for (const WeightScope& scope : scopes) {
    const Tensor weight = scope.f32("weight");
    GAZE_CHECK(weight.size(1) == in);
    std::ranges::copy(weight.values<float>(), all.weight.data<float>() + row * in);
    if (scope.has("bias")) std::ranges::copy(scope.f32("bias").values<float>(), all.bias.data<float>() + row);
    row += weight.size(0);
  }
  return all;
}

}  // namespace

Linear::Linear(std::initializer_list<WeightScope> scopes, Activation activation)
    : matmul_([&] {
        const Stacked all = stack(scopes);
        return PackedMatmul(all.weight, all.bias, {scopes.begin()->precision(), activation});
      }()) {}

Linear::Linear(const Tensor& weight, const Tensor& bias, Precision precision, Activation activation)
    : matmul_(weight.reshaped({weight.size(0), weight.elements() / weight.size(0)}), bias, {precision, activation}) {}

}  // namespace gaze
