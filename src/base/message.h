// Text for people, in the language of their environment (LC_ALL, LC_MESSAGES, LANG): English or Chinese.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace gaze {

enum class Language { english, chinese };

// The language in force: from the environment at first use, or as set. Thread-safe to read.
Language language();
void set_language(Language value);

// The line of src/base/zh/*.inc for an English format string when the language is Chinese, else the string itself.
std::string_view translate(std::string_view english);

// fmt::format with the translated format string; the English one is checked at compile time, and tools/check_messages
// holds that every one has a Chinese line with the same placeholders.
template <class... Args>
std::string message(fmt::format_string<Args...> english, Args&&... args) {
  const fmt::string_view text = english;
  return fmt::vformat(translate({text.data(), text.size()}), fmt::make_format_args(args...));
}

}  // namespace gaze
