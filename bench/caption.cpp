// One side of tools/bench's comparison of captioners: measures when told to, sleeps between.
//   gaze_bench_caption CHECKPOINT f32|bf16|int8 BATCH THREADS
// Each line on standard input says for how many seconds to measure, and is answered with four numbers: seconds for a
// caption of 30 tokens with five beams, images/s of the image tower alone, and of its matrix products alone, captions/s
// of BATCH pictures at once.
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/threads.h"
#include "models/captioner.h"
#include "ops/isa.h"
#include "tasks/bench.h"

int main(int count, char** arguments) {
  using namespace gaze;
  if (count != 5) return std::cerr << "gaze_bench_caption CHECKPOINT f32|bf16|int8 BATCH THREADS\n", 2;
  const std::string precision = arguments[2];
  set_compute_threads(std::atoi(arguments[4]));
  try {
    const auto model = load_captioner(arguments[1], precision == "f32"    ? Precision::f32
                                                    : precision == "bf16" ? Precision::bf16
                                                                          : Precision::int8);
    std::cout << "ready " << isa_name() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      const BenchOptions options{.batch = std::atoi(arguments[3]), .seconds = std::stod(line)};
      const auto results = bench(*model, options, {});
      std::cout << results[2].value << " " << results[0].value << " " << results[1].value << " "
                << options.batch / seconds_to_caption(*model, options.batch, options, {}) << std::endl;
    }
  } catch (const Error& error) {
    std::cerr << error.message() << "\n";
    return 1;
  }
}
