// Loops over all compute threads (base/threads.h), on the same OpenMP team that oneDNN uses.
#pragma once

#include <cstdint>

#include <omp.h>

#include "base/threads.h"

namespace gaze {

// Calls body(i) for i in [0, count), each once; body must not throw. Runs in the caller where there is one thread or
// one i: starting a team costs some microseconds.
template <class Body>
void parallel_for(std::int64_t count, const Body& body) {
  const int threads = compute_threads();
  if (threads == 1 || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  // Dynamic: a thread that the system took away does not hold up the others.
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (std::int64_t i = 0; i < count; ++i) body(i);
}

// Calls body(begin, end) on ranges that cover [0, count), at least `grain` long but the last one.
template <class Body>
void parallel_ranges(std::int64_t count, std::int64_t grain, const Body& body) {
  const std::int64_t wanted = 4 * std::int64_t{compute_threads()};
  const std::int64_t even = (count + wanted - 1) / wanted;
  const std::int64_t length = even < grain ? grain : even;
  parallel_for((count + length - 1) / length,
               [&](std::int64_t i) { body(i * length, (i + 1) * length < count ? (i + 1) * length : count); });
}

}  // namespace gaze
