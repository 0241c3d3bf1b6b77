// In which number type matrix products run.
#pragma once

#include <string_view>

namespace gaze {

// automatic: the fastest of this CPU's that keeps the accuracy promised in docs/performance.md.
enum class Precision { automatic, f32, bf16, int8 };

std::string_view to_string(Precision precision);  // "auto", "f32", "bf16", "int8": the words of --precision

// The precision in force, never `automatic`: that one is bf16 everywhere. Half the memory to read and to keep; where
// the CPU does not multiply bf16 faster than float32, only weights are rounded and the rest stays float32.
Precision resolve(Precision wanted);

}  // namespace gaze
