#include "tasks/match.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/shares.h"
#include "tasks/remote_match.h"

namespace gaze::cli {
namespace {

void print(Output& output, const std::vector<std::string>& texts, const Matches& result) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return result.matches[a].logit > result.matches[b].logit; });
  std::vector<Share> shares;
  for (const std::size_t i : order) shares.push_back({texts[i], result.matches[i].probability});
  print_shares(output, shares);
}

int show(Invocation& invocation, const std::string& model, const std::filesystem::path& image,
         const std::vector<std::string>& texts, const Matches& result) {
  if (!invocation.json()) {
    print(invocation.output, texts, result);
    return 0;
  }
  OrderedJson document{{"model", model}};
  put_path(document, "image", image);
  document["normalisation"] = result.normalisation;
  document["matches"] = OrderedJson::array();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    document["matches"].push_back(
        {{"text", texts[i]}, {"probability", result.matches[i].probability}, {"logit", result.matches[i].logit}});
  }
  invocation.output.document(document);
  return 0;
}

int match_elsewhere(Invocation& invocation, const std::string& model, const std::filesystem::path& image,
                    const std::vector<std::string>& texts) {
  const RemoteAccess access(model, !invocation.settings.flag("no-cache"));
  if (invocation.settings.flag("dry-run")) {
    print_request(invocation.output, describe_match(access.model(), image.string(), texts, invocation.cancel));
    return 0;
  }
  return show(invocation, model, image, texts, match_remotely(access, image.string(), texts, invocation.cancel));
}

Matches match_vectors(const Invocation& invocation, const ModelEntry& entry, const std::filesystem::path& image,
                      const std::vector<std::string>& texts) {
  const auto encoder = open_model(invocation, entry, {});
  if (is_wrong_language(*encoder, texts)) {
    log_note(
        message("{} was trained on English, so its probabilities for Chinese say little; {}, Chinese-CLIP and "
                "SigLIP 2 know Chinese",
                entry.name, kBuiltInModel));
  }
  return match(*encoder, image, texts, picture_options(invocation.settings), invocation.settings.flag("special"),
               invocation.cancel);
}

Matches match_here(const Invocation& invocation, const ModelEntry& entry, const std::filesystem::path& image,
                   const std::vector<std::string>& texts) {
  const bool together = std::find(entry.tasks.begin(), entry.tasks.end(), "rerank") != entry.tasks.end();
  return together ? match(*open_picture_matcher(entry, precision_of(invocation)), image, texts,
                          picture_options(invocation.settings), invocation.settings.flag("special"), invocation.cancel)
                  : match_vectors(invocation, entry, image, texts);
}

int run_match(Invocation& invocation) {
  const std::filesystem::path image = invocation.arguments[0];
  const std::vector<std::string> texts(invocation.arguments.begin() + 1, invocation.arguments.end());
  const std::string model = invocation.settings.text("model"), route = route_of(invocation.settings);
  if (is_remote_model(model)) return match_elsewhere(invocation, model, image, texts);
  const bool routed = !route.empty() && image != "-";  // standard input cannot be read twice
  if (invocation.settings.flag("dry-run")) {
    if (routed) return match_elsewhere(invocation, route, image, texts);
    throw Error(ErrorCode::usage, message("--dry-run shows what would leave the machine, and nothing would"),
                message("name a remote model (--model, --route), or leave --dry-run out"));
  }
  try {
    // Unasked, one that makes vectors: a model that looks at both together is many times slower.
    const ModelEntry entry = choose_model(invocation, "embed");
    const Matches result = match_here(invocation, entry, image, texts);
    invocation.cancel.check();
    if (!routed || !is_unsure(result)) return show(invocation, entry.name, image, texts, result);
    log_note(message("{} is not sure; {} is asked", entry.name, route));
  } catch (const Error& error) {
    if (!routed || !helps_to_ask_elsewhere(error)) throw;
    log_note(message("{}; {} is asked", error.message(), route));
  }
  return match_elsewhere(invocation, route, image, texts);
}

}  // namespace

Command match_command() {
  Command command;
  command.name = "match";
  command.arguments = "IMAGE TEXT…";
  command.summary = message("how well each text fits a picture");
  command.description = message(
      "With most models the texts compete and their probabilities add up to 1: give every possibility, and one for "
      "\"something else\". With SigLIP and BLIP's matching models each text stands for itself. IMAGE may be - for "
      "standard input.");
  command.options = {no_exif_rotation_option(), decode_option(),  special_option(), route_option(),
                     dry_run_option(),          no_cache_option()};
  command.examples = {
      {message("gaze match photo.jpg \"a cat\" \"a dog\" \"a person\" \"a car\""),
       message("which of the four it shows")},
      {message(
           "gaze match photo.jpg \"a photo of a beach\" \"a photo of a city\" --model openai/clip-vit-base-patch32"),
       message("the same with an installed model")},
      {message("gaze match photo.jpg \"a cat\" \"a dog\" --route openai:gpt-4o"),
       message("here; only where no text gets half of the probability, or it fails, OpenAI is asked")},
      {"curl -s https://example.org/cat.jpg | gaze match - 猫 狗 --json", message("from a pipe, for a program")}};
  command.least_arguments = 2;
  command.run = run_match;
  return command;
}

}  // namespace gaze::cli
