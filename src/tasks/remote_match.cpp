#include "tasks/remote_match.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr double kSure = 0.5;
constexpr double kLeastProbability = 1e-6;  // so that its logarithm is a number

OrderedJson object_schema(const char* name, const OrderedJson& value) {
  return {{"type", "object"},
          {"properties", {{name, value}}},
          {"required", OrderedJson::array({name})},
          {"additionalProperties", false}};
}

[[noreturn]] void throw_no_probabilities(const std::string& model) {
  throw Error(ErrorCode::invalid_json, message("{}: the answer has no probabilities in it", model),
              message("take a model that can answer in JSON of a given schema"));
}

// A number in [0, 1]. Errors: invalid_json.
double probability_of(const Json& value, const std::string& model) {
  const double number = value.is_number() ? value.get<double>() : -1;
  if (!(number >= 0 && number <= 1)) throw_no_probabilities(model);
  return number;
}

const Json& field(const Json& answer, const char* name, const std::string& model) {
  if (!answer.is_object() || !answer.contains(name)) throw_no_probabilities(model);
  return answer[name];
}

}  // namespace

Matches match_remotely(const RemoteAccess& access, const std::string& image, std::span<const std::string> texts,
                       const CancelToken& cancel) {
  const std::string& name = access.model().spec().text;
  std::string question =
      "How probable is it that each of these texts is the one that describes the picture? They compete: the "
      "probabilities, in the order of the texts, add up to 1.\n";
  for (std::size_t i = 0; i < texts.size(); ++i) question += fmt::format("{}. {}\n", i + 1, texts[i]);
  AnswerOptions options;
  options.max_tokens = 200 + 20 * static_cast<int>(std::min<std::size_t>(texts.size(), 10'000));
  options.schema = object_schema("probabilities", {{"type", "array"}, {"items", {{"type", "number"}}}});
  const auto chat = make_remote_chat(access.model(), access.care());
  const Json answer = parse_json(chat->ask({{image}, question}, options, cancel, {}).text, name);

  const Json& list = field(answer, "probabilities", name);
  if (!list.is_array() || list.size() != texts.size()) throw_no_probabilities(name);
  Matches matches{"softmax", {}};
  double sum = 0;
  for (const Json& value : list) {
    matches.matches.push_back({std::max(probability_of(value, name), kLeastProbability), 0});
    sum += matches.matches.back().probability;
  }
  for (Match& match : matches.matches) {
    match.probability /= sum;
    match.logit = std::log(match.probability);
  }
  return matches;
}

bool is_unsure(const Matches& matches) {
  return std::none_of(matches.matches.begin(), matches.matches.end(),
                      [](const Match& match) { return match.probability >= kSure; });
}

}  // namespace gaze
