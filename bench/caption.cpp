// One side of tools/bench's comparison of captioners: measures when told to, sleeps between.
//   gaze_bench_caption CHECKPOINT f32|bf16|int8 BATCH THREADS caption|batch|tower
// Each line on standard input says for how many seconds to measure. It is answered for `caption` with the seconds of
// one of 30 tokens with five beams, for `batch` with captions/s of BATCH pictures at once, for `tower` with images/s of
// the image tower alone, and of its matrix products alone.
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
  if (count != 6) {
    return std::cerr << "gaze_bench_caption CHECKPOINT f32|bf16|int8 BATCH THREADS caption|batch|tower\n", 2;
  }
  const std::string precision = arguments[2], what = arguments[5];
  set_compute_threads(std::atoi(arguments[4]));
  try {
    const auto model = load_captioner(arguments[1], precision == "f32"    ? Precision::f32
                                                    : precision == "bf16" ? Precision::bf16
                                                                          : Precision::int8);
    std::cout << "ready " << isa_name() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      const BenchOptions options{.batch = std::atoi(arguments[3]), .seconds = std::stod(line)};
      if (what == "caption") {
        std::cout << bench_caption(*model, options, {}).value << std::endl;
      } else if (what == "batch") {
        std::cout << options.batch / seconds_to_caption(*model, options.batch, options, {}) << std::endl;
      } else {
        const auto tower = bench_image_tower(*model, options, {});
        std::cout << tower[0].value << " " << tower[1].value << std::endl;
      }
    }
  } catch (const Error& error) {
    std::cerr << error.message() << "\n";
    return 1;
  }
}
