// How fast a model runs here, beside what the machine allows (`gaze bench`).
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/dual_encoder.h"

namespace gaze {

struct BenchOptions {
  int batch = 8;
  double seconds = 5;  // for each thing measured
};

struct BenchResult {
  std::string what;  // cli.md: image_tower, text_tower, preprocess, matmul_limit, memory_read
  double value = 0;
  std::string unit;
};

// image_tower and text_tower, each with the matmul_limit of the same batch after it (measured in turns, medians),
// preprocess on one thread, memory_read on all. A text is one caption of usual length. Errors: cancelled.
std::vector<BenchResult> bench(const DualEncoder& model, const BenchOptions& options, const CancelToken& cancel);

// The first two of these rows alone.
std::vector<BenchResult> bench_image_tower(const DualEncoder& model, const BenchOptions& options,
                                           const CancelToken& cancel);

}  // namespace gaze
