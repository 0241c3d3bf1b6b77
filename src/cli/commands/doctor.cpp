#include "tasks/doctor.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/invocation.h"
#include "cli/terminal.h"

namespace gaze::cli {
namespace {

std::string size_of(std::int64_t bytes) {
  const double mebibytes = static_cast<double>(bytes) / (1 << 20);
  return mebibytes < 1024 ? fmt::format("{:.0f} MiB", mebibytes) : fmt::format("{:.1f} GiB", mebibytes / 1024);
}

void put(Output& output, const Machine& machine, const std::vector<ModelNeeds>& models) {
  OrderedJson dependencies = OrderedJson::object(), list = OrderedJson::array();
  for (const auto& [name, version] : machine.dependencies) dependencies[name] = version;
  for (const ModelNeeds& model : models) {
    OrderedJson one{{"name", model.name}, {"fits", model.fits}, {"needs_bytes", model.bytes}};
    if (!model.proposal.empty()) one["proposal"] = model.proposal;
    if (!model.fault.empty()) one["fault"] = model.fault;
    list.push_back(std::move(one));
  }
  output.document({{"cpu", machine.cpu},
                   {"isa", machine.isa},
                   {"memory_bytes", machine.memory_bytes},
                   {"dependencies", std::move(dependencies)},
                   {"models", std::move(list)}});
}

void print(Output& output, const Machine& machine, const std::vector<ModelNeeds>& models) {
  output.line(message("processor     {}", machine.cpu));
  output.line(message("instructions  {}", machine.isa));
  output.line(message("threads       {}", machine.threads));
  output.line(message("memory        {}", size_of(machine.memory_bytes)));
  constexpr std::size_t kColumns = 74;
  std::vector<std::string> libraries{""};
  for (const auto& [name, version] : machine.dependencies) {
    const std::string one = name + " " + version;
    if (libraries.back().size() + one.size() > kColumns) libraries.emplace_back();
    libraries.back() += (libraries.back().empty() ? "" : ", ") + one;
  }
  output.line(message("libraries     {}", fmt::format("{}", fmt::join(libraries, ",\n              "))));
  output.line("");
  output.line(message("Models, and the memory they need:"));
  std::size_t width = 0;
  for (const ModelNeeds& model : models) width = std::max(width, display_width(model.name));
  for (const ModelNeeds& model : models) {
    const std::string verdict = !model.fault.empty() ? printable(model.fault)
                                : model.fits         ? message("fits")
                                                     : message("does not fit: {}", model.proposal);
    output.line(fmt::format("  {}  {:>8}  {}", padded(model.name, width),
                            model.fault.empty() ? size_of(model.bytes) : "–", verdict));
  }
  if (models.empty()) output.line(message("  none"));
}

int run_doctor(Invocation& invocation) {
  const Machine machine = examine_machine();
  const ModelStore store(invocation.folders.models());
  const auto models = needs_of_models(store, precision_of(invocation), machine);
  if (invocation.json()) {
    put(invocation.output, machine, models);
  } else {
    print(invocation.output, machine, models);
  }
  return 0;
}

}  // namespace

Command doctor_command() {
  Command command;
  command.name = "doctor";
  command.summary = message("what this machine has to compute with, and which models fit");
  command.examples = {{"gaze doctor", message("processor, memory, libraries, models")}};
  command.most_arguments = 0;
  command.run = run_doctor;
  return command;
}

}  // namespace gaze::cli
