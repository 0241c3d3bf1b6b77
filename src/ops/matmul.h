// Products with constant weights: y = activation(x · Wᵀ + b), the weights packed once.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "ops/activation.h"
#include "ops/precision.h"
#include "tensor/tensor.h"

namespace gaze {

// Weights [out, in] of one or several layers that read the same input, any float types; their outputs stand side by
// side. biases: as many, each [out] or undefined for none.
struct StackedWeights {
  StackedWeights(Tensor weight, Tensor bias) : weights{std::move(weight)}, biases{std::move(bias)} {}
  StackedWeights(std::vector<Tensor> all_weights, std::vector<Tensor> all_biases)
      : weights(std::move(all_weights)), biases(std::move(all_biases)) {}

  std::int64_t in_features() const { return weights.front().size(1); }
  std::int64_t out_features() const;
  bool biased() const;
  Tensor bias() const;  // of all, float32 [out], zeros where a layer has none

  std::vector<Tensor> weights, biases;
};

struct MatmulOptions {
  Precision precision = Precision::automatic;
  Activation activation = Activation::none;
};

// Immutable after construction; run() may be called from several threads at once. bf16: weights are rounded to bf16,
// the rest stays float32 where the CPU's bf16 products are no faster. int8: weights have one scale an output feature,
// activations one scale a row, found as they come (symmetric).
class PackedMatmul {
 public:
  // The weights are not kept.
  PackedMatmul(const StackedWeights& weights, const MatmulOptions& options);
  ~PackedMatmul();
  PackedMatmul(PackedMatmul&&) noexcept;
  PackedMatmul& operator=(PackedMatmul&&) noexcept;

  std::int64_t in_features() const;
  std::int64_t out_features() const;
  Precision precision() const;  // in force
  // The type in which it likes its input best; others are converted first.
  DType input_dtype() const;

  // x: [rows…, in_features], y: [rows…, out_features], each float32 or bf16; the leading extents are one list of rows.
  void run(const Tensor& x, Tensor& y) const;
  // y += x · Wᵀ + b, as a residual connection needs it; y is float32. Only without an activation.
  void run_add(const Tensor& x, Tensor& y) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

// Notes the products that this thread runs while the object stands, to measure what they cost alone: the limit of a
// forward pass. Traces do not nest.
class MatmulTrace {
 public:
  MatmulTrace();
  ~MatmulTrace();
  MatmulTrace(const MatmulTrace&) = delete;
  MatmulTrace& operator=(const MatmulTrace&) = delete;

  // Runs each product once more in oneDNN, in the same shape and precision, but no bias, activation, residual or
  // quantisation around it. The first call also makes ready, with weights of its own.
  void run_alone();

  // A product that runs now; noted where this thread has a trace. `weights`: whose they are; products with the same
  // weights are prepared once, those with nullptr one for each shape.
  static void note(const void* weights, std::int64_t rows, std::int64_t in, std::int64_t out, Precision precision);

 private:
  struct Product;
  struct Limit;
  std::vector<Product> products_;
  std::unique_ptr<Limit> limit_;
};

}  // namespace gaze
