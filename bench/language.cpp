// One side of tools/bench's comparison of language models: measures when told to, sleeps between.
//   gaze_bench_language FILE.gguf THREADS PROMPT_TOKENS NEW_TOKENS
// Each line on standard input says for how many seconds to measure and is answered with tokens/s of the prompt, of its
// matrix products alone, of the answer, and with GB/s of memory read.
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/threads.h"
#include "models/chat_models.h"
#include "ops/isa.h"
#include "tasks/bench.h"

int main(int count, char** arguments) {
  using namespace gaze;
  if (count != 5) return std::cerr << "gaze_bench_language FILE.gguf THREADS PROMPT_TOKENS NEW_TOKENS\n", 2;
  set_compute_threads(std::atoi(arguments[2]));
  try {
    const auto model = load_chat_model(arguments[1], Precision::automatic);
    std::cout << "ready " << isa_name() << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
      const BenchOptions options{
          .seconds = std::stod(line), .prompt_tokens = std::atoi(arguments[3]), .new_tokens = std::atoi(arguments[4])};
      for (const BenchResult& result : bench(*model, options, {})) std::cout << result.value << " ";
      std::cout << std::endl;
    }
  } catch (const Error& error) {
    std::cerr << error.message() << "\n";
    return 1;
  }
}
