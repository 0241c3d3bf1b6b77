// What the machine offers to models.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gaze {

struct Machine {
  std::string cpu;                // as /proc/cpuinfo names it
  std::string isa;                // the widest instruction set that kernels use here: "avx512_bf16" …
  std::int64_t memory_bytes = 0;  // what this process may use: the machine's, or less by its cgroup
  int threads = 1;
  std::vector<std::pair<std::string, std::string>> dependencies;  // library, version at run time
};

Machine examine_machine();

}  // namespace gaze
