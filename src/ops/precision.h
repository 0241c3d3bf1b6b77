// In which number type matrix products run.
#pragma once

#include <string_view>

namespace gaze {

// automatic: the fastest of this CPU's that keeps the accuracy promised in docs/performance.md.
enum class Precision { automatic, f32, bf16, int8 };

std::string_view to_string(Precision precision);  // "auto", "f32", "bf16", "int8": the words of --precision

// The precision in force on this CPU, never `automatic`: that one becomes bf16 where the CPU multiplies bf16 faster
// than f32, else f32. bf16 asked of a CPU without AVX-512 becomes f32, which is at least as accurate and as fast there.
Precision resolve(Precision wanted);

}  // namespace gaze
