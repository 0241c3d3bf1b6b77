// Loops over all compute threads (base/threads.h), on one pool of the process.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace gaze {

// Calls body(i) for i in [0, count), each once, in any order; returns when all are done. body must not throw. Indices
// are handed out one by one: a thread that the system took away does not hold up the others. Runs in the caller alone
// where there is one thread or one i, and where the pool is busy with another caller's loop (or this one is inside it):
// then that caller has the cores already.
template <class Body>
void parallel_for(std::int64_t count, const Body& body);

// Calls body(begin, end) on ranges that cover [0, count), at least `grain` long but the last one.
template <class Body>
void parallel_ranges(std::int64_t count, std::int64_t grain, const Body& body);

namespace detail {
using LoopBody = void (*)(const void* body, std::int64_t i);
void run_on_pool(std::int64_t count, LoopBody call, const void* body);
}  // namespace detail

template <class Body>
void parallel_for(std::int64_t count, const Body& body) {
  if (compute_threads() == 1 || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  detail::run_on_pool(
      count, [](const void* own, std::int64_t i) { (*static_cast<const Body*>(own))(i); }, &body);
}

template <class Body>
void parallel_ranges(std::int64_t count, std::int64_t grain, const Body& body) {
  const std::int64_t wanted = 4 * std::int64_t{compute_threads()};
  const std::int64_t even = (count + wanted - 1) / wanted;
  const std::int64_t length = even < grain ? grain : even;
  parallel_for((count + length - 1) / length,
               [&](std::int64_t i) { body(i * length, (i + 1) * length < count ? (i + 1) * length : count); });
}

}  // namespace gaze
