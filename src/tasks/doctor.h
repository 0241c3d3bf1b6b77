// What the machine offers to models, and what they need of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "ops/precision.h"
#include "tasks/model_store.h"

namespace gaze {

struct Machine {
  std::string cpu;                // as /proc/cpuinfo names it
  std::string isa;                // the widest instruction set that kernels use here: "avx512_bf16" …
  std::int64_t memory_bytes = 0;  // what this process may use: the machine's, or less by its cgroup
  int threads = 1;
  std::vector<std::pair<std::string, std::string>> dependencies;  // library, version at run time
};

Machine examine_machine();

struct ModelNeeds {
  std::string name;
  // At most what indexing, matching, searching or answering take at one time; 0 where the model cannot be used.
  std::int64_t bytes = 0;
  bool fits = false;
  std::string proposal;  // what would fit, where it does not
  std::string fault;     // as in ModelEntry
};

// Of every installed model, its weights in `precision`. An estimate from config.json: nothing is loaded.
std::vector<ModelNeeds> needs_of_models(const ModelStore& store, Precision precision, const Machine& machine);

}  // namespace gaze
