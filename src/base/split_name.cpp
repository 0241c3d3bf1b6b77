#include "base/split_name.h"

#include <charconv>

#include <fmt/format.h>

namespace gaze {
namespace {

constexpr std::size_t kDigits = 5;

// Of exactly five digits; 0 where they are none.
int number_of(std::string_view digits) {
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

}  // namespace

std::string SplitName::of(int other) const {
  return fmt::format("{}-{:05}-of-{:05}{}", before, other, count, extension);
}

std::optional<SplitName> parse_split_name(std::string_view name) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = name.rfind(kOf), dot = name.rfind('.');
  if (of == std::string_view::npos || dot != of + kOf.size() + kDigits || of < kDigits + 1) return {};
  const std::size_t dash = of - kDigits - 1;
  if (name[dash] != '-') return {};
  SplitName split{std::string(name.substr(0, dash)), number_of(name.substr(dash + 1, kDigits)),
                  number_of(name.substr(of + kOf.size(), kDigits)), std::string(name.substr(dot))};
  if (split.number < 1 || split.number > split.count) return {};
  return split;
}

}  // namespace gaze
