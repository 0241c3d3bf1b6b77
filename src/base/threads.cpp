#include "base/threads.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <string>

#include <sched.h>

#include "base/check.h"

namespace gaze {
namespace {

int affinity_threads() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

// cgroup v2 `cpu.max` is "QUOTA PERIOD" or "max PERIOD"; v1 has the two numbers in two files.
double quota_threads() {
  double quota = -1, period = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    std::string first;
    file >> first >> period;
    if (first != "max" && !first.empty()) quota = std::atof(first.c_str());
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 1e9;
}

std::atomic<int> chosen{0};

}  // namespace

int available_threads() {
  const double most = std::min<double>(affinity_threads(), std::ceil(quota_threads()));
  return std::max(1, static_cast<int>(most));
}

int compute_threads() {
  const int count = chosen;
  if (count > 0) return count;
  static const int available = available_threads();
  return available;
}

void set_compute_threads(int count) {
  GAZE_CHECK(count > 0);
  chosen = count;
}

}  // namespace gaze
