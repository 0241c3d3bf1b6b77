#include "tasks/bench.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/terminal.h"
#include "tasks/doctor.h"
#include "tasks/local_chat.h"

namespace gaze::cli {
namespace {

// A row of numbers, then what it means; a limit belongs to the row above it.
void print(Output& output, const std::vector<BenchResult>& results) {
  double above = 0;
  for (const BenchResult& result : results) {
    std::string meaning;
    if (result.what == "image_tower") meaning = message("pictures through the network, pixels ready");
    if (result.what == "text_tower") meaning = message("texts through the network");
    if (result.what == "preprocess") meaning = message("pictures of 640×480 resized and normalised by one thread");
    if (result.what == "caption") meaning = message("one picture, seen and described in 30 tokens");
    if (result.what == "prefill") meaning = message("of a prompt, read before the first word of the answer");
    if (result.what == "decode") meaning = message("of an answer, one after the other behind that prompt");
    if (result.what == "memory_read") meaning = message("memory read by all threads");
    if (result.what == "matmul_limit") {
      const double share = 100 * above / result.value;
      meaning = share < 5 ? message("the matrix products of the line above alone: few, it is made of convolutions")
                          : message("the matrix products of the line above alone; it reaches {:.0f} % of them", share);
    }
    output.line(fmt::format("{}  {:>10.{}f} {}  {}", padded(result.what, 12), result.value, result.value < 10 ? 3 : 1,
                            padded(result.unit, 8), meaning));
    above = result.value;
  }
}

struct Measured {
  std::vector<BenchResult> results;
  std::string precision;
};

// All that the model can do: answers, vectors, captions, or both of these.
Measured run_all(const Invocation& invocation, const ModelEntry& entry, const BenchOptions& options) {
  if (is_local_chat(entry.path)) {
    const Precision precision = precision_of(invocation);
    // Weights stay in the bits they have or become Q8_0; what they are multiplied with is int8.
    const Precision used = precision == Precision::automatic ? Precision::int8 : precision;
    return {bench_chat_model(entry, precision, options, invocation.cancel), std::string(to_string(used))};
  }
  const bool captions = std::find(entry.tasks.begin(), entry.tasks.end(), "caption") != entry.tasks.end();
  const bool embeds = std::find(entry.tasks.begin(), entry.tasks.end(), "embed") != entry.tasks.end();
  if (captions && !embeds) {
    const auto captioner = open_captioner(entry, precision_of(invocation));
    return {bench(*captioner, options, invocation.cancel), std::string(to_string(captioner->precision()))};
  }
  const auto encoder = open_model(invocation, entry, {});
  Measured measured{bench(*encoder, options, invocation.cancel), std::string(to_string(encoder->precision()))};
  if (captions) {
    const auto captioner = open_captioner(entry, precision_of(invocation));
    measured.results.push_back(bench_caption(*captioner, options, invocation.cancel));
  }
  return measured;
}

ModelEntry find_entry(const Invocation& invocation) {
  if (invocation.arguments.empty()) return choose_model(invocation, "embed");
  const std::string& name = invocation.arguments[0];
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored) && is_local_chat(name)) {  // a .gguf file
    return {.name = to_valid_utf8(name), .path = name};
  }
  return ModelStore(invocation.folders.models()).find(name);
}

int run_bench(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const ModelEntry entry = find_entry(invocation);
  const BenchOptions options{.batch = static_cast<int>(settings.integer("batch")),
                             .seconds = settings.real("seconds"),
                             .beams = static_cast<int>(settings.integer("beams")),
                             .prompt_tokens = static_cast<int>(settings.integer("prompt-tokens")),
                             .new_tokens = static_cast<int>(settings.integer("new-tokens"))};
  log_note(message("measuring for about {:.0f} s; what else runs on this machine shows", 4 * options.seconds));
  const auto [results, precision] = run_all(invocation, entry, options);

  const Machine machine = examine_machine();
  if (!invocation.json()) {
    invocation.output.line(message("{}, {}, {} threads, batches of {}, on {} ({})", entry.name, precision,
                                   machine.threads, options.batch, machine.cpu, machine.isa));
    print(invocation.output, results);
    return 0;
  }
  OrderedJson list = OrderedJson::array();
  for (const BenchResult& result : results) {
    list.push_back({{"what", result.what}, {"value", result.value}, {"unit", result.unit}});
  }
  invocation.output.document({{"model", entry.name},
                              {"threads", machine.threads},
                              {"precision", precision},
                              {"isa", machine.isa},
                              {"results", std::move(list)}});
  return 0;
}

}  // namespace

Command bench_command() {
  Command command;
  command.name = "bench";
  command.arguments = "[MODEL|FILE.gguf]";
  command.summary = message("how fast a model runs here, beside what the machine allows");
  command.description = message(
      "Every figure is a median. matmul_limit is what the matrix products of the line before it take alone: the rest "
      "is what the program adds. Measure on a quiet machine.");
  command.options = {
      integer("batch", "N", message("pictures, or texts, that the network sees at a time"), "8", 1, 1024),
      real("seconds", "S", message("for each thing measured"), "5", 0, 3600),
      integer("beams", "N", message("of captions"), "5", 1, 64),
      integer("prompt-tokens", "N", message("of the prompt that a language model reads"), "600", 1, 1'000'000),
      integer("new-tokens", "N", message("of its answer"), "32", 1, 1'000'000)};
  command.examples = {
      {"gaze bench", message("the model that the other commands take")},
      {"gaze bench openai/clip-vit-base-patch32 --batch 1 --precision f32", message("one picture at a time, in f32")},
      {"gaze bench smollm2.gguf --prompt-tokens 100", message("how fast a language model reads and writes")}};
  command.most_arguments = 1;
  command.run = run_bench;
  return command;
}

}  // namespace gaze::cli
