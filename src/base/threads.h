// How many threads this process may use, and how many it does.
#pragma once

namespace gaze {

// Cores that affinity and the cgroup's CPU quota leave to this process, at least 1.
int available_threads();

// Threads for compute (base/parallel.h, oneDNN). Default: available_threads(). Set once at start.
int compute_threads();
void set_compute_threads(int count);

}  // namespace gaze
