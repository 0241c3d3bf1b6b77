#include "tasks/choices.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "generate/choices.h"

namespace gaze {
namespace {

constexpr std::size_t kMost = 1000;

}  // namespace

std::vector<std::string> parse_choices(const std::string& list_or_file) {
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(list_or_file, ignored);
  const std::string text = to_valid_utf8(is_file ? read_text_file(list_or_file, MiB) : list_or_file);
  const char comma = is_file ? '\n' : ',';
  std::vector<std::string> choices;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(comma, begin), text.size());
    const std::string each = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = each.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) continue;
    choices.push_back(each.substr(first, each.find_last_not_of(" \t\r\n") - first + 1));
    if (std::find(choices.begin(), choices.end() - 1, choices.back()) != choices.end() - 1) {
      throw Error(ErrorCode::usage, message("the choice \"{}\" stands twice in the list", choices.back()));
    }
    if (choices.size() > kMost) throw Error(ErrorCode::usage, message("there can be {} choices at most", kMost));
  }
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
