// How fast a model runs here, beside what the machine allows (`gaze bench`).
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/captioner.h"
#include "models/dual_encoder.h"
#include "models/llama/chat_model.h"
#include "tasks/model_store.h"

namespace gaze {

struct BenchOptions {
  int batch = 8;
  double seconds = 5;                        // for each thing measured
  int beams = 5;                             // of captions
  int prompt_tokens = 600, new_tokens = 32;  // of answers
};

struct BenchResult {
  std::string what;  // cli.md: image_tower, text_tower, preprocess, caption, prefill, decode, matmul_limit, memory_read
  double value = 0;
  std::string unit;
};

// image_tower and text_tower, each with the matmul_limit of the same batch after it (measured in turns, medians),
// preprocess on one thread, memory_read on all. A text is one caption of usual length. Errors: cancelled.
std::vector<BenchResult> bench(const DualEncoder& model, const BenchOptions& options, const CancelToken& cancel);

// image_tower with its matmul_limit (what a captioner does of a batch before the first word), and caption: seconds for
// one picture, seen and described in exactly 30 tokens. Errors: cancelled.
std::vector<BenchResult> bench(const Captioner& model, const BenchOptions& options, const CancelToken& cancel);
BenchResult bench_caption(const Captioner& model, const BenchOptions& options, const CancelToken& cancel);

// The same for several pictures at once: seconds for all of them.
double seconds_to_caption(const Captioner& model, int pictures, const BenchOptions& options, const CancelToken& cancel);

// prefill with its matmul_limit, decode behind that prompt (one position at a time), memory_read. Tokens are any.
// Errors: usage (more than the model has positions), cancelled.
std::vector<BenchResult> bench(const llama::ChatModel& model, const BenchOptions& options, const CancelToken& cancel);
// The same of a model by its entry. Errors: also load_chat_model's.
std::vector<BenchResult> bench_chat_model(const ModelEntry& entry, Precision precision, const BenchOptions& options,
                                          const CancelToken& cancel);

// The first two rows alone.
std::vector<BenchResult> bench_image_tower(const DualEncoder& model, const BenchOptions& options,
                                           const CancelToken& cancel);
std::vector<BenchResult> bench_image_tower(const Captioner& model, const BenchOptions& options,
                                           const CancelToken& cancel);

}  // namespace gaze
