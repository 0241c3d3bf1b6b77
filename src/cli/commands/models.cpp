#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/invocation.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "tasks/model_store.h"
#include "tasks/quantise_model.h"
#include "tasks/reference.h"
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

OrderedJson json_of(const std::optional<ReferenceChecks>& checks) {
  if (!checks) return nullptr;
  return {{"tokens", checks->tokens},
          {"pixels", checks->pixels},
          {"logits", checks->logits},
          {"caption_tokens", checks->caption_tokens}};
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

// `models quantise NAME|PATH --to int8|int4`: a language model in fewer bits.
int run_quantise(Invocation& invocation) {
  const std::vector<std::string>& words = invocation.arguments;
  const std::string to = invocation.settings.text("to");
  if (words.size() < 2 || to.empty()) {
    throw Error(ErrorCode::usage,
                message("{} needs more: {}", "models", "gaze models quantise NAME|PATH --to int8|int4"),
                message("see: gaze {} --help", "models"));
  }
  const QuantiseOrder order{words[1], to == "int4" ? WeightBits::four : WeightBits::eight,
                            invocation.settings.text("output")};
  Progress progress(0, "MiB");
  const QuantisedModel made =
      quantise_model(order, ModelStore(invocation.folders.models()), invocation.folders.models(), invocation.cancel,
                     [&](std::int64_t done, std::int64_t total) {
                       progress.show(static_cast<std::size_t>(done / MiB), static_cast<std::size_t>(total / MiB + 1));
                     });
  progress.clear();
  if (invocation.json()) {
    OrderedJson document{{"models", OrderedJson::array({model_json(made.entry)})}};
    document["bytes_before"] = made.sizes.bytes_before;
    document["bytes_after"] = made.sizes.bytes_after;
    invocation.output.document(document);
  } else {
    invocation.output.line(message("{}: weights of {} instead of {}; --model {}", display(made.entry.path),
                                   mebibytes(made.sizes.bytes_after), mebibytes(made.sizes.bytes_before),
                                   made.entry.name));
  }
  return 0;
}

int run_models(Invocation& invocation) {
  if (!invocation.arguments.empty() && invocation.arguments[0] == "cache") return run_cache(invocation);
  if (!invocation.arguments.empty() && invocation.arguments[0] == "quantise") return run_quantise(invocation);
  const ModelStore store(invocation.folders.models());
  const std::vector<std::string>& words = invocation.arguments;
  std::vector<ModelEntry> entries;
  std::optional<ReferenceChecks> reference;
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
    reference = check_reference(entries[0], invocation.cancel);
  }

  if (invocation.json()) {
    OrderedJson list = OrderedJson::array();
    for (const ModelEntry& entry : entries) list.push_back(model_json(entry));
    if (!words.empty() && words[0] == "verify") list[0]["reference"] = json_of(reference);
    invocation.output.document({{"models", std::move(list)}});
  } else if (words.empty()) {
    print_list(invocation.output, entries, invocation.folders.models());
  } else if (words[0] == "show") {
    print_details(invocation.output, entries[0]);
  } else if (words[0] == "remove") {
    invocation.output.line(message("{} is removed", entries[0].name));
  } else {
    invocation.output.line(message("{} is whole: every file and every tensor", entries[0].name));
    invocation.output.line(
        reference ? message("it answers as its reference does: {} tokens, {} pixels, {} logits, {} tokens of captions",
                            reference->tokens, reference->pixels, reference->logits, reference->caption_tokens)
                  : message("no reference answers came with it to compare with"));
  }
  return 0;
}

}  // namespace

Command models_command() {
  Command command;
  command.name = "models";
  command.arguments = "[show|remove|verify|quantise NAME|PATH | cache [clear]]";
  command.summary = message("the models there are, and whether they are whole");
  command.description = message(
      "A model is a folder as published on the hub (config.json, model.safetensors, tokenizer files). Installed ones "
      "stand in $GAZE_HOME/models under their hub id; --model also takes the path of one anywhere. `quantise` writes a "
      "language model anew in 4 or 8 bits a weight, as a folder whose model.gguf is mapped into memory as it is (other "
      "programs read it too). int8 is hardly to be told from the original. int4 is little more than half as large and "
      "faster, and changes words: for a small model, whose answers it spoils visibly, take int8. Eyes keep their "
      "numbers; other kinds of models take --precision int8 instead.");
  command.words = {"show", "remove", "verify", "quantise", "cache"};
  command.examples = {{"gaze models", message("all of them")},
                      {"gaze models show gaze-mini", message("one in detail")},
                      {"gaze models verify ./clip-vit-base-patch32",
                       message("read every file and every tensor, and repeat the reference answers that came with it")},
                      {"gaze models quantise llava-hf/llava-1.5-7b-hf --to int4",
                       message("then: --model llava-hf/llava-1.5-7b-hf-int4")},
                      {"gaze models cache clear", message("forget what models saw in pictures")}};
  command.options = {choice("to", {"int8", "int4"}, message("of quantise: bits a weight"), ""),
                     file("output", "FOLDER", message("of quantise: where to; default: NAME-int4 or NAME-int8"))};
  command.most_arguments = 2;
  command.run = run_models;
  return command;
}

}  // namespace gaze::cli
