#include "nn/decoder_linear.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ops/elementwise.h"

namespace gaze {
namespace {

// The biases of all layers one after the other, zeros where one has none; undefined where none has.
Tensor stack_biases(std::initializer_list<WeightScope> scopes, const std::vector<BlockTensor>& parts) {
  std::int64_t out = 0;
  for (const BlockTensor& part : parts) out += part.shape[0];
  Tensor all = Tensor::zeros({out}, DType::f32);
  bool biased = false;
  std::int64_t at = 0;
  auto part = parts.begin();
  for (const WeightScope& scope : scopes) {
    if (scope.has("bias")) {
      std::ranges::copy(scope.f32("bias").values<float>(), all.data<float>() + at);
      biased = true;
    }
    at += (part++)->shape[0];
  }
  return biased ? all : Tensor();
}

std::variant<Linear, QuantizedMatmul> make_product(std::initializer_list<WeightScope> scopes) {
  std::vector<BlockTensor> parts;
  for (const WeightScope& scope : scopes) {
    std::optional<BlockTensor> blocks = scope.blocks("weight");
    if (!blocks) return Linear(scopes);
    parts.push_back(std::move(*blocks));
  }
  const Tensor bias = stack_biases(scopes, parts);
  return QuantizedMatmul(std::move(parts), bias);
}

}  // namespace

DecoderLinear::DecoderLinear(std::initializer_list<WeightScope> scopes) : product_(make_product(scopes)) {}

std::int64_t DecoderLinear::in_features() const {
  return std::visit([](const auto& product) { return product.in_features(); }, product_);
}

std::int64_t DecoderLinear::out_features() const {
  return std::visit([](const auto& product) { return product.out_features(); }, product_);
}

DType DecoderLinear::input_dtype() const {
  const auto* linear = std::get_if<Linear>(&product_);
  return linear ? linear->input_dtype() : DType::f32;
}

void DecoderLinear::operator()(const Tensor& x, Tensor& y) const {
  if (const auto* linear = std::get_if<Linear>(&product_)) return (*linear)(x, y);
  std::get<QuantizedMatmul>(product_).run(x, y);
}

void DecoderLinear::add(const Tensor& x, Tensor& y) const {
  if (const auto* linear = std::get_if<Linear>(&product_)) return linear->add(x, y);
  std::get<QuantizedMatmul>(product_).run_add(x, y);
}

Embedding::Embedding(const WeightScope& scope) : blocks_(scope.blocks("weight")) {
  if (!blocks_) table_ = scope.tensor("weight");
}

void Embedding::operator()(std::span<const std::int32_t> ids, Tensor& to) const {
  if (!blocks_) return gather_rows(table_, ids, to);
  const auto width = static_cast<std::size_t>(blocks_->shape[1]);
  const std::size_t row_bytes = width / static_cast<std::size_t>(block_elements(blocks_->type)) *
                                static_cast<std::size_t>(block_bytes(blocks_->type));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    GAZE_CHECK(0 <= ids[i] && ids[i] < blocks_->shape[0]);
    dequantise(blocks_->type, blocks_->bytes.subspan(static_cast<std::size_t>(ids[i]) * row_bytes, row_bytes),
               to.values<float>().subspan(i * width, width));
  }
}

}  // namespace gaze
