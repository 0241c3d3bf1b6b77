#include "tasks/choices.h"

#include <algorithm>

#include "base/error.h"
#include "base/message.h"
#include "generate/choices.h"
#include "tasks/word_list.h"

namespace gaze {

std::vector<std::string> parse_choices(const std::string& list_or_file) {
  std::vector<std::string> choices = parse_list(list_or_file);
  if (choices.size() < 2) {
    throw Error(ErrorCode::usage, message("--choices needs two or more"), message("for example: --choices yes,no"));
  }
  return choices;
}

void rank(const std::vector<std::string>& choices, const std::vector<std::vector<TokenId>>& ids,
          const std::vector<double>& scores, std::span<const TokenId> ends, VisualAnswer& answer) {
  const std::vector<double> probabilities = choice_probabilities(scores);
  for (std::size_t i = 0; i < choices.size(); ++i) answer.choices.push_back({choices[i], probabilities[i], scores[i]});
  const auto best = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
  answer.text = choices[best];
  answer.ids.assign(ids[best].begin(), ids[best].end());
  if (!ends.empty()) answer.ids.push_back(ends.front());
  answer.completion_tokens = std::ssize(answer.ids);
  answer.finish_reason = "stop";
}

}  // namespace gaze
