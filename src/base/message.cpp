#include "base/message.h"

#include <atomic>
#include <cstdlib>
#include <unordered_map>

namespace gaze {
namespace {

Language language_of_environment() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(name);
    if (value && *value) return std::string_view(value).starts_with("zh") ? Language::chinese : Language::english;
  }
  return Language::english;
}

std::atomic<Language>& current() {
  static std::atomic<Language> value{language_of_environment()};
  return value;
}

const std::unordered_map<std::string_view, std::string_view>& chinese() {
  static const std::unordered_map<std::string_view, std::string_view> table{
#include "base/zh/base.inc"
#include "base/zh/caption.inc"
#include "base/zh/catalog.inc"
#include "base/zh/cli.inc"
#include "base/zh/generate.inc"
#include "base/zh/index.inc"
#include "base/zh/media.inc"
#include "base/zh/models.inc"
#include "base/zh/nn.inc"
#include "base/zh/ops.inc"
#include "base/zh/providers.inc"
#include "base/zh/server.inc"
#include "base/zh/tasks.inc"
#include "base/zh/tensor.inc"
#include "base/zh/text.inc"
#include "base/zh/weights.inc"
  };
  return table;
}

}  // namespace

Language language() {
  return current();
}
void set_language(Language value) {
  current() = value;
}

std::string_view translate(std::string_view english) {
  if (language() == Language::english) return english;
  const auto found = chinese().find(english);
  return found == chinese().end() ? english : found->second;
}

}  // namespace gaze
