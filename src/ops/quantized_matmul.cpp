#include "ops/quantized_matmul.h"

#include <algorithm>
#include <utility>

#include "base/parallel.h"
#include "ops/isa.h"
#include "ops/matmul.h"
#include "ops/quantized_kernels.h"

namespace gaze {
namespace {

QuantizedIsa best_isa() {
  const CpuFeatures& cpu = cpu_features();
  if (cpu.avx512_vnni) return QuantizedIsa::avx512;
  if (cpu.avx_vnni) return QuantizedIsa::avx_vnni;
  return cpu.avx2 ? QuantizedIsa::avx2 : QuantizedIsa::plain;
}

using Kernel = void (*)(const QuantizedTask& task);
Kernel kernel_for(QuantizedIsa isa, std::int64_t rows) {
  switch (isa) {
    case QuantizedIsa::avx512:
      return rows < kRowsForTiles ? multiply_rows_avx512 : multiply_tile_avx512;
    case QuantizedIsa::avx_vnni:
      return multiply_avx_vnni;
    case QuantizedIsa::avx2:
      return multiply_avx2;
    default:
      return multiply_rows_plain;
  }
}

// For each group of values that share a scale of the weights: −offset · Σ values.
const std::int32_t* make_starts(const QuantizedRows& x, const BlockTraits& traits, Scratch::Frame& frame) {
  const std::int64_t groups = x.rows * x.padded * 32 / traits.part;
  Tensor starts = frame.tensor({groups}, DType::i32);
  std::int32_t* to = starts.data<std::int32_t>();
  for (std::int64_t i = 0; i < groups; ++i) {
    to[i] = -traits.offset * (traits.part == 16 ? x.sums[i] : x.sums[2 * i] + x.sums[2 * i + 1]);
  }
  return to;
}

}  // namespace

QuantizedMatmul::QuantizedMatmul(std::vector<BlockTensor> parts, const Tensor& bias, QuantizedIsa isa)
    : parts_(std::move(parts)), isa_(isa == QuantizedIsa::best ? best_isa() : isa) {
  GAZE_CHECK(!parts_.empty());
  in_ = parts_[0].shape[1];
  for (const BlockTensor& part : parts_) {
    GAZE_CHECK(part.shape.rank() == 2 && part.shape[1] == in_ && in_ % block_elements(part.type) == 0);
    out_ += part.shape[0];
  }
  if (bias.defined()) {
    bias_ = bias.to_f32();
    GAZE_CHECK(bias_.elements() == out_);
  }
}

void QuantizedMatmul::multiply(const Tensor& x, bool add, Tensor& y) const {
  const std::int64_t rows = x.elements() / in_;
  GAZE_CHECK(x.size(-1) == in_ && y.dtype() == DType::f32 && y.elements() == rows * out_);
  if (rows == 0) return;
  MatmulTrace::note(nullptr, rows, in_, out_, Precision::int8);
  Scratch::Frame frame;
  const QuantizedRows quantized = quantize_blocks(x, frame);

  // All parts' rows as one list of tasks.
  struct Part {
    QuantizedTask task;
    std::int64_t first_task, first_column;
  };
  std::vector<Part> parts;
  std::int64_t tasks = 0, columns = 0;
  for (const BlockTensor& part : parts_) {
    const BlockTraits traits = block_traits(part.type);
    const std::int64_t row_bytes = in_ / block_elements(part.type) * block_bytes(part.type);
    parts.push_back({{.type = part.type,
                      .weights = part.bytes.data(),
                      .row_bytes = row_bytes,
                      .width = in_,
                      .count = part.shape[0],
                      .x = &quantized,
                      .starts = make_starts(quantized, traits, frame),
                      .starts_stride = quantized.padded * 32 / traits.part},
                     tasks,
                     columns});
    tasks += (part.shape[0] + kRowsPerTask - 1) / kRowsPerTask;
    columns += part.shape[0];
  }
  const Kernel kernel = kernel_for(isa_, rows);
  const float* bias = bias_.defined() ? bias_.data<float>() : nullptr;
  float* const to = y.data<float>();
  parallel_for(tasks, [&](std::int64_t index) {
    const Part& part = *std::prev(std::ranges::upper_bound(parts, index, {}, &Part::first_task));
    const std::int64_t first = (index - part.first_task) * kRowsPerTask;
    QuantizedTask task = part.task;
    task.weights += first * task.row_bytes;
    task.count = std::min(kRowsPerTask, task.count - first);
    const std::int64_t column = part.first_column + first;
    Scratch::Frame own;
    Tensor result = own.tensor({quantized.rows, kRowsPerTask}, DType::f32);
    task.out = result.data<float>();
    task.out_stride = kRowsPerTask;
    kernel(task);
    for (std::size_t i = 0; i < quantized.rest_of.size(); ++i) {
      const float* rest = task.out + (rows + static_cast<std::int64_t>(i)) * kRowsPerTask;
      float* whole = task.out + quantized.rest_of[i] * kRowsPerTask;
      for (std::int64_t n = 0; n < task.count; ++n) whole[n] += rest[n];
    }
    for (std::int64_t m = 0; m < rows; ++m) {
      const float* from = task.out + m * kRowsPerTask;
      float* out = to + m * out_ + column;
      for (std::int64_t n = 0; n < task.count; ++n) {
        out[n] = (add ? out[n] : 0.0f) + from[n] + (bias ? bias[column + n] : 0.0f);
      }
    }
  });
}

}  // namespace gaze
