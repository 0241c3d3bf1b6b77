#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/progress.h"
#include "tasks/pull_model.h"

namespace gaze::cli {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;

int run_pull(Invocation& invocation) {
  const ModelOrder order{invocation.arguments[0], invocation.settings.text("revision"),
                         invocation.settings.texts("file")};
  const PullPlan plan = plan_pull(order, invocation.folders.models());
  log_note(message("{} from {} into {}", plan.name, plan.host, display(plan.folder)));
  Progress progress(0, "MiB");
  const ModelEntry entry =
      pull_model(order, invocation.folders.models(), invocation.cancel, [&](std::int64_t done, std::int64_t total) {
        progress.show(static_cast<std::size_t>(done / kMebibyte),
                      static_cast<std::size_t>((total + kMebibyte - 1) / kMebibyte));
      });
  progress.clear();
  if (!entry.fault.empty()) log_warning(entry.fault);
  if (invocation.json()) {
    invocation.output.document({{"models", OrderedJson::array({model_json(entry)})}});
  } else {
    invocation.output.line(message("{} is here, every byte checked: --model {}", entry.name, entry.name));
  }
  return 0;
}

}  // namespace

Command pull_command() {
  Command command;
  command.name = "pull";
  command.arguments = "ID";
  command.summary = message("get a model from a hub");
  command.description = message(
      "ID is a model's name on the Hugging Face hub, or modelscope:OWNER/NAME. Only the files that are needed come, "
      "several at once, each checked by its hash; what was interrupted goes on where it stopped. HF_ENDPOINT names a "
      "mirror, HF_TOKEN opens private models, HF_HUB_OFFLINE=1 only looks whether the model is there.");
  command.options = {
      text("revision", "R", message("a branch, tag or commit; default: the newest")),
      text("file", "NAME",
           message("also this file, or this GGUF of several by its name or quantisation (Q8_0); may be given again")),
  };
  command.options[1].repeated = true;
  command.examples = {
      {"gaze pull openai/clip-vit-base-patch32", message("then: --model openai/clip-vit-base-patch32")},
      {"HF_ENDPOINT=https://hf-mirror.com gaze pull OFA-Sys/chinese-clip-vit-base-patch16", message("from a mirror")},
      {"gaze pull ggml-org/SmolVLM-500M-Instruct-GGUF --file Q8_0", message("a GGUF model, and what it sees with")},
      {"gaze pull modelscope:AI-ModelScope/clip-vit-base-patch32", message("from ModelScope")}};
  command.least_arguments = 1;
  command.most_arguments = 1;
  command.run = run_pull;
  return command;
}

}  // namespace gaze::cli
