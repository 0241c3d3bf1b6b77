#include "tasks/remote_caption.h"

#include <limits>
#include <utility>

#include "catalog/caption_store.h"
#include "tasks/keep_caption.h"
#include "tasks/remote_round.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxTokens = 100;

NamedRound round_of(const Bytes& standard_input, const CaptionOptions& options) {
  NamedRound round{.text = options.prompt.empty() ? caption_prompt(options.language) : options.prompt,
                   .standard_input = &standard_input,
                   .progress = options.progress};
  round.options.max_tokens = options.max_new_tokens.value_or(kMaxTokens);
  return round;
}

}  // namespace

CaptionResult caption_remotely(Library& library, const std::string& model, std::span<const fs::path> named,
                               const Bytes& standard_input, const CaptionOptions& options, const CancelToken& cancel) {
  CaptionResult result;
  const std::vector<NamedPicture> inputs = gather_pictures(named, options.follow_links, cancel, result.failed);
  std::vector<CaptionedPicture> captions;
  for (const NamedPicture& input : inputs) captions.push_back({.image = input.image, .file = input.file});

  CaptionStore store(library);
  NamedRound round = round_of(standard_input, options);
  const std::string settings = dump_json({{"prompt", round.text}, {"max_tokens", *round.options.max_tokens}});
  round.take = [&](std::size_t i, const ChatAnswer& answer) {
    captions[i].candidates = {{one_line(answer.text), std::numeric_limits<float>::quiet_NaN(), {}}};
    if (inputs[i].image != "-") keep_caption(store, {{model, model}, settings}, captions[i]);
  };
  round.tell = [&](std::size_t i) {
    if (options.on_caption) options.on_caption(captions[i]);
  };
  NamedRoundResult asked = ask_about_named(model, inputs, round, cancel);
  for (const std::size_t i : asked.answered) result.captions.push_back(std::move(captions[i]));
  std::move(asked.failed.begin(), asked.failed.end(), std::back_inserter(result.failed));
  result.skipped = asked.skipped;
  return result;
}

OrderedJson describe_captions(const std::string& model, std::span<const fs::path> named, const Bytes& standard_input,
                              const CaptionOptions& options, const CancelToken& cancel) {
  std::vector<FailedInput> failed;
  return describe_round(model, gather_pictures(named, options.follow_links, cancel, failed),
                        round_of(standard_input, options));
}

}  // namespace gaze
