#include "providers/redact.h"

#include <algorithm>
#include <cctype>

namespace gaze {
namespace {

constexpr std::size_t kTellingPrefix = 6;

bool belongs_to_key(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("-_.*~+/=").find(c) != std::string_view::npos;
}

}  // namespace

std::string redact(std::string text, std::span<const Secret> secrets) {
  for (const Secret& secret : secrets) {
    const std::string& whole = secret.reveal();
    if (whole.empty()) continue;
    for (std::size_t at = 0; (at = text.find(whole, at)) != std::string::npos; at += kMask.size()) {
      text.replace(at, whole.size(), kMask);
    }
    if (whole.size() < 2 * kTellingPrefix) continue;
    const std::string prefix = whole.substr(0, kTellingPrefix);
    for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos; at += kMask.size()) {
      const auto end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), belongs_to_key);
      const std::size_t length = static_cast<std::size_t>(end - text.begin()) - at;
      text.replace(at, std::max(length, prefix.size()), kMask);
    }
  }
  return text;
}

}  // namespace gaze
