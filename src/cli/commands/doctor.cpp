#include "tasks/doctor.h"

#include <fmt/format.h>

#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/invocation.h"

namespace gaze::cli {
namespace {

std::string gib(std::int64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

int run_doctor(Invocation& invocation) {
  const Machine machine = examine_machine();
  if (invocation.json()) {
    OrderedJson dependencies = OrderedJson::object();
    for (const auto& [name, version] : machine.dependencies) dependencies[name] = version;
    invocation.output.document({{"cpu", machine.cpu},
                                {"isa", machine.isa},
                                {"memory_bytes", machine.memory_bytes},
                                {"dependencies", dependencies},
                                {"models", OrderedJson::array()}});
    return 0;
  }
  Output& output = invocation.output;
  output.line(message("processor     {}", machine.cpu));
  output.line(message("instructions  {}", machine.isa));
  output.line(message("threads       {}", machine.threads));
  output.line(message("memory        {}", gib(machine.memory_bytes)));
  std::string libraries;
  for (const auto& [name, version] : machine.dependencies) {
    libraries += (libraries.empty() ? "" : ", ") + name + " " + version;
  }
  output.line(message("libraries     {}", libraries));
  return 0;
}

}  // namespace

Command doctor_command() {
  Command command;
  command.name = "doctor";
  command.summary = message("what this machine has to compute with");
  command.examples = {{"gaze doctor", message("processor, memory, libraries, models")}};
  command.most_arguments = 0;
  command.run = run_doctor;
  return command;
}

}  // namespace gaze::cli
