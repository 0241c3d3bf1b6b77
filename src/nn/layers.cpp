#include "nn/layers.h"

#include <utility>
#include <vector>

namespace gaze {
namespace {

StackedWeights stack(std::initializer_list<WeightScope> scopes) {
  std::vector<Tensor> weights, biases;
  for (const WeightScope& scope : scopes) {
    weights.push_back(scope.tensor("weight"));
    biases.push_back(scope.has("bias") ? scope.tensor("bias") : Tensor());
  }
  return {std::move(weights), std::move(biases)};
}

}  // namespace

Linear::Linear(std::initializer_list<WeightScope> scopes, Activation activation)
    : matmul_(stack(scopes), {scopes.begin()->precision(), activation}) {
  for (const WeightScope& scope : scopes) scope.forget("weight");
}

Linear::Linear(const Tensor& weight, const Tensor& bias, Precision precision, Activation activation)
    : matmul_({weight.reshaped({weight.size(0), weight.elements() / weight.size(0)}), bias}, {precision, activation}) {}

}  // namespace gaze
