// One row of a depthwise convolution, channels last, on one thread.
#pragma once

#include <cstdint>

namespace gaze {

struct DepthwiseRow {
  int kernel = 3;  // k × k; 3 or 5
  int stride = 1;  // 1 or 2
  std::int64_t channels = 0;
  // weight: float32 [k·k, channels]; bias: float32 [channels].
  const float* weight = nullptr;
  const float* bias = nullptr;
};

// y[x, c] = relu6(bias[c] + Σ rows[i][x·stride + j, c] · weight[i·k + j, c]) for x in [0, width).
// rows: k pointers to float32 [(width − 1)·stride + k, channels]; where rows[i] is nullptr that row counts as zeros.
// y: float32 [width, channels].
void depthwise_row(const DepthwiseRow& row, const float* const* rows, std::int64_t width, float* y);

}  // namespace gaze
