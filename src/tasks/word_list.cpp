#include "tasks/word_list.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::size_t kMost = 1000;

}  // namespace

std::vector<std::string> parse_list(const std::string& list_or_file) {
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(list_or_file, ignored);
  const std::string text = to_valid_utf8(is_file ? read_text_file(list_or_file, MiB) : list_or_file);
  const char comma = is_file ? '\n' : ',';
  std::vector<std::string> entries;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(comma, begin), text.size());
    const std::string each = text.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t first = each.find_first_not_of(" \t\r\n");
    if (first == std::string::npos) continue;
    entries.push_back(each.substr(first, each.find_last_not_of(" \t\r\n") - first + 1));
    if (std::find(entries.begin(), entries.end() - 1, entries.back()) != entries.end() - 1) {
      throw Error(ErrorCode::usage, message("\"{}\" stands twice in the list", entries.back()));
    }
    if (entries.size() > kMost) throw Error(ErrorCode::usage, message("a list has {} entries at most", kMost));
  }
  return entries;
}

}  // namespace gaze
