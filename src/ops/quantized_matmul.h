// Products with weights in quantised blocks, as GGUF files hold them: the weights are read where they lie, without a
// copy; activations become int8 (ops/quantized_rows.h) and the products int32.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/block_tensor.h"
#include "tensor/tensor.h"

namespace gaze {

// Which loops run; only tests and benchmarks choose.
enum class QuantizedIsa { best, avx512, avx_vnni, avx2, plain };

// Immutable after construction; run() may be called from several threads at once. Keeps the blocks' memory alive.
class QuantizedMatmul {
 public:
  // Matrices [out_i, in] of one width, a multiple of 32; their outputs stand side by side. They may be of different
  // types. bias: [Σ out_i] of any float type, or undefined.
  explicit QuantizedMatmul(std::vector<BlockTensor> parts, const Tensor& bias = {},
                           QuantizedIsa isa = QuantizedIsa::best);

  std::int64_t in_features() const { return in_; }
  std::int64_t out_features() const { return out_; }

  // y = x · Wᵀ + b. x: [rows…, in] float32 or bf16; y: float32 [rows…, out].
  void run(const Tensor& x, Tensor& y) const { multiply(x, false, y); }
  // y += x · Wᵀ + b.
  void run_add(const Tensor& x, Tensor& y) const { multiply(x, true, y); }

 private:
  void multiply(const Tensor& x, bool add, Tensor& y) const;

  std::vector<BlockTensor> parts_;
  Tensor bias_;  // float32
  QuantizedIsa isa_;
  std::int64_t in_ = 0, out_ = 0;
};

}  // namespace gaze
