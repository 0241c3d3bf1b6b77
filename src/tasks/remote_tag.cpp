#include "tasks/remote_tag.h"

#include <utility>

#include <fmt/format.h>

#include "tasks/asked_probability.h"
#include "tasks/remote_round.h"

namespace gaze {
namespace {

constexpr int kTokensOfALabel = 20;  // a number in JSON takes fewer

NamedRound round_of(const Bytes& standard_input, const TagOptions& options) {
  NamedRound round{.standard_input = &standard_input, .progress = options.progress};
  round.text =
      "How probable is it that each of these labels fits the picture, each for itself, in their order; and how "
      "probable is it that none of them fits?\n";
  for (std::size_t i = 0; i < options.labels.size(); ++i) {
    round.text += fmt::format("{}. {}\n", i + 1, options.labels[i]);
  }
  round.options.max_tokens = 200 + kTokensOfALabel * static_cast<int>(options.labels.size());
  round.options.schema = object_schema(
      {{"probabilities", {{"type", "array"}, {"items", {{"type", "number"}}}}}, {"none", {{"type", "number"}}}});
  return round;
}

}  // namespace

TagResult tag_remotely(const std::string& model, std::span<const std::filesystem::path> named,
                       const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel) {
  TagResult result;
  const std::vector<NamedPicture> inputs = gather_pictures(named, options.follow_links, cancel, result.failed);
  std::vector<TaggedPicture> pictures;
  for (const NamedPicture& input : inputs) pictures.push_back({input.image, {}});

  NamedRound round = round_of(standard_input, options);
  round.take = [&](std::size_t i, const ChatAnswer& said) {
    const Json answer = parse_answer(said.text, model);
    pictures[i].tags = {probabilities_in(answer, "probabilities", options.labels.size(), model),
                        probability_in(answer, "none", model)};
  };
  round.tell = [&](std::size_t i) {
    if (options.on_tags) options.on_tags(pictures[i]);
  };
  NamedRoundResult asked = ask_about_named(model, inputs, round, cancel);
  for (const std::size_t i : asked.answered) result.pictures.push_back(std::move(pictures[i]));
  std::move(asked.failed.begin(), asked.failed.end(), std::back_inserter(result.failed));
  result.skipped = asked.skipped;
  return result;
}

OrderedJson describe_tags(const std::string& model, std::span<const std::filesystem::path> named,
                          const Bytes& standard_input, const TagOptions& options, const CancelToken& cancel) {
  std::vector<FailedInput> failed;
  return describe_round(model, gather_pictures(named, options.follow_links, cancel, failed),
                        round_of(standard_input, options));
}

}  // namespace gaze
