// Products with constant weights by oneDNN: where it knows instructions that our own product (ops/gemm.h) does not,
// which are AMX's tiles and int8 without VNNI, and as the measure of what a product alone costs.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "ops/matmul.h"

namespace gaze {

// Immutable but for its prepared shapes; run() may be called from several threads at once.
// int8: weights have one scale an output feature, activations one scale a row, found as they come (symmetric).
class OnednnMatmul {
 public:
  // As PackedMatmul's; options.precision is not automatic.
  OnednnMatmul(const StackedWeights& weights, const MatmulOptions& options);

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }
  DType input_dtype() const { return precision_ == Precision::bf16 ? DType::bf16 : DType::f32; }

  void run(const Tensor& x, Tensor& y, bool add) const;

  // The product and nothing else: no bias, activation or quantisation around it. x and y are bytes, 4 a number.
  void run_alone(std::int64_t rows, const Tensor& x, Tensor& y) const;

 private:
  struct Key {
    std::int64_t rows = 0;
    DType to = DType::f32;
    bool add = false;
    bool alone = false;  // no bias, nothing after the product
    int threads = 1;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): LLVM 14 misreads its own zero
  };
  struct Prepared {
    Key key;
    dnnl::matmul::primitive_desc description;
    dnnl::matmul primitive;
  };

  void pack(const Tensor& wide, dnnl::memory::data_type type);
  void pack_int8(const Tensor& wide);
  void finish_packing(dnnl::memory plain);
  dnnl::matmul::primitive_desc describe(const Key& key, const dnnl::memory::desc& weights) const;
  std::shared_ptr<const Prepared> prepared(Key key) const;
  void execute(const Prepared& ready, const Tensor& x, const Tensor* row_scales, Tensor& y) const;

  std::int64_t out_, in_;
  Precision precision_;
  Activation activation_;
  Tensor bias_;  // float32, or undefined
  dnnl::memory::data_type weight_type_ = dnnl::memory::data_type::f32;
  dnnl::memory weights_;
  std::vector<float> scales_;  // int8: one an output feature
  Tensor correction_;          // int8: one an output feature, before the scales
  mutable std::shared_mutex mutex_;
  mutable std::map<Key, std::shared_ptr<const Prepared>> prepared_;
};

}  // namespace gaze
