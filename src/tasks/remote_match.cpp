#include "tasks/remote_match.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "tasks/asked_probability.h"

namespace gaze {
namespace {

constexpr double kSure = 0.5;
constexpr double kLeastProbability = 1e-6;  // so that its logarithm is a number

ChatRequest match_request(const RemoteModel& model, const std::string& image, std::span<const std::string> texts,
                          const CancelToken& cancel) {
  std::string question =
      "How probable is it that each of these texts is the one that describes the picture? They compete: the "
      "probabilities, in the order of the texts, add up to 1.\n";
  for (std::size_t i = 0; i < texts.size(); ++i) question += fmt::format("{}. {}\n", i + 1, texts[i]);
  AnswerOptions options;
  options.max_tokens = 200 + 20 * static_cast<int>(std::min<std::size_t>(texts.size(), 10'000));
  options.schema = object_schema({{"probabilities", {{"type", "array"}, {"items", {{"type", "number"}}}}}});
  ChatRequest request = make_request(options);
  request.messages = {make_message(model, {{image}, question}, options.detail, cancel)};
  return request;
}

PictureRound rating_round(std::span<const std::string> pictures, const std::string& text) {
  PictureRound round{.pictures = pictures, .text = "How probable is it that this picture shows: " + text};
  round.options.max_tokens = 100;
  round.options.schema = object_schema({{"probability", {{"type", "number"}}}});
  return round;
}

}  // namespace

Matches match_remotely(const RemoteAccess& access, const std::string& image, std::span<const std::string> texts,
                       const CancelToken& cancel) {
  const std::string& name = access.model().spec().text;
  const ChatRequest request = match_request(access.model(), image, texts, cancel);
  const Json answer = parse_answer(send_with_care(access.model(), request, access.care(), cancel).text, name);
  Matches matches{"softmax", {}};
  double sum = 0;
  for (const double probability : probabilities_in(answer, "probabilities", texts.size(), name)) {
    matches.matches.push_back({std::max(probability, kLeastProbability), 0});
    sum += matches.matches.back().probability;
  }
  for (Match& match : matches.matches) {
    match.probability /= sum;
    match.logit = std::log(match.probability);
  }
  return matches;
}

OrderedJson describe_match(const RemoteModel& model, const std::string& image, std::span<const std::string> texts,
                           const CancelToken& cancel) {
  return describe_request(model, match_request(model, image, texts, cancel), false);
}

std::vector<std::optional<double>> rate_remotely(
    const RemoteAccess& access, std::span<const std::string> pictures, const std::string& text,
    const CancelToken& cancel, const std::function<void(std::size_t done, std::size_t total)>& progress) {
  const std::string& name = access.model().spec().text;
  std::vector<std::optional<double>> ratings(pictures.size());
  std::size_t done = 0;
  PictureRound round = rating_round(pictures, text);
  round.on_answer = [&](std::size_t picture, const ChatAnswer& answer) {
    ratings[picture] = probability_in(parse_answer(answer.text, name), "probability", name);
    progress(++done, pictures.size());
  };
  round.on_failure = [&](std::size_t, const Error& error) {
    log_warning(error.message());
    progress(++done, pictures.size());
  };
  ask_of_each(access.model(), round, access.care(), cancel);
  return ratings;
}

OrderedJson describe_rating(const RemoteAccess& access, std::span<const std::string> pictures,
                            const std::string& text) {
  return describe_first(access.model(), rating_round(pictures, text), access.care());
}

bool is_unsure(const Matches& matches) {
  return std::none_of(matches.matches.begin(), matches.matches.end(),
                      [](const Match& match) { return match.probability >= kSure; });
}

}  // namespace gaze
