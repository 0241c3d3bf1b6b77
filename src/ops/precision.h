// In which number type matrix products run.
#pragma once

namespace gaze {

// automatic: the fastest of this CPU's that keeps the accuracy promised in docs/performance.md.
enum class Precision { automatic, f32, bf16, int8 };

}  // namespace gaze
