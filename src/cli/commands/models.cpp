#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/invocation.h"
#include "cli/terminal.h"
#include "tasks/model_store.h"
#include "tasks/vision_cache.h"

namespace gaze::cli {
namespace {

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

void print_details(Output& output, const ModelEntry& entry) {
  output.line(entry.name + (entry.built_in ? message(" (built in)") : ""));
  output.line(message("  kind        {}", entry.kind));
  output.line(message("  tasks       {}", fmt::format("{}", fmt::join(entry.tasks, ", "))));
  output.line(message("  parameters  {:.1f} million", static_cast<double>(entry.parameters) / 1e6));
  output.line(message("  size        {}", mebibytes(entry.bytes)));
  output.line(message("  folder      {}", display(entry.path)));
  output.line(message("  licence     {}", entry.licence.empty() ? message("not stated") : entry.licence));
  if (!entry.fault.empty()) output.line(message("  fault       {}", entry.fault));
}

void print_list(Output& output, const std::vector<ModelEntry>& entries, const std::filesystem::path& folder) {
  std::size_t width = 0;
  for (const ModelEntry& entry : entries) width = std::max(width, display_width(entry.name));
  for (const ModelEntry& entry : entries) {
    output.line(fmt::format("{}  {}  {:>12}  {}", padded(entry.name, width), padded(entry.kind, 12),
                            mebibytes(entry.bytes),
                            entry.fault.empty() ? fmt::format("{}", fmt::join(entry.tasks, ", ")) : entry.fault));
  }
  output.line(
      message("Put a checkpoint folder into {} to install it, or name its path with --model.", display(folder)));
}

// `models cache [clear]`: what models saw in pictures.
int run_cache(Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments;
  if (words.size() > 1 && words[1] != "clear") {
    throw Error(ErrorCode::usage, message("the cache cannot {}", to_valid_utf8(words[1])),
                message("see: gaze {} --help", "models"));
  }
  const std::filesystem::path folder = VisionCache::default_folder();
  const bool clears = words.size() > 1;
  const VisionCache::Use use = clears ? VisionCache::clear(folder) : VisionCache::use_of(folder);
  if (invocation.json()) {
    OrderedJson cache;
    put_path(cache, "path", folder);
    cache["pictures"] = clears ? 0 : use.pictures;
    cache["bytes"] = clears ? 0 : use.bytes;
    cache["most_bytes"] = VisionCache::kMostBytes;
    if (clears) cache["removed"] = {{"pictures", use.pictures}, {"bytes", use.bytes}};
    invocation.output.document({{"cache", std::move(cache)}});
  } else if (clears) {
    invocation.output.line(message("{} pictures are forgotten, {}", use.pictures, mebibytes(use.bytes)));
  } else {
    invocation.output.line(message("{}: what models saw in {} pictures, {} of at most {}", display(folder),
                                   use.pictures, mebibytes(use.bytes), mebibytes(VisionCache::kMostBytes)));
  }
  return 0;
}

int run_models(Invocation& invocation) {
  if (!invocation.arguments.empty() && invocation.arguments[0] == "cache") return run_cache(invocation);
  const ModelStore store(invocation.folders.models());
  const std::vector<std::string>& words = invocation.arguments;
  std::vector<ModelEntry> entries;
  if (words.empty()) {
    entries = store.list();
  } else if (words[0] != "show" && words[0] != "remove" && words[0] != "verify") {
    throw Error(ErrorCode::usage, message("models cannot {}", to_valid_utf8(words[0])),
                message("see: gaze {} --help", "models"));
  } else if (words.size() < 2) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", "models", "gaze models " + words[0] + " NAME"),
                message("see: gaze {} --help", "models"));
  } else if (words[0] == "show") {
    entries = {store.find(words[1])};
  } else if (words[0] == "remove") {
    entries = {store.remove(words[1])};
  } else {
    entries = {store.verify(words[1], invocation.cancel)};
  }

  if (invocation.json()) {
    OrderedJson list = OrderedJson::array();
    for (const ModelEntry& entry : entries) list.push_back(model_json(entry));
    invocation.output.document({{"models", std::move(list)}});
  } else if (words.empty()) {
    print_list(invocation.output, entries, invocation.folders.models());
  } else if (words[0] == "show") {
    print_details(invocation.output, entries[0]);
  } else if (words[0] == "remove") {
    invocation.output.line(message("{} is removed", entries[0].name));
  } else {
    invocation.output.line(message("{} is whole: every file and every tensor", entries[0].name));
  }
  return 0;
}

}  // namespace

Command models_command() {
  Command command;
  command.name = "models";
  command.arguments = "[show|remove|verify NAME|PATH | cache [clear]]";
  command.summary = message("the models there are, and whether they are whole");
  command.description = message(
      "A model is a folder as published on the hub (config.json, model.safetensors, tokenizer files). Installed ones "
      "stand in $GAZE_HOME/models under their hub id; --model also takes the path of one anywhere.");
  command.words = {"show", "remove", "verify", "cache"};
  command.examples = {{"gaze models", message("all of them")},
                      {"gaze models show gaze-mini", message("one in detail")},
                      {"gaze models verify ./clip-vit-base-patch32", message("read every file and every tensor")},
                      {"gaze models cache clear", message("forget what models saw in pictures")}};
  command.most_arguments = 2;
  command.run = run_models;
  return command;
}

}  // namespace gaze::cli
