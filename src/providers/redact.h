// Keys: kept apart from ordinary text, so that none gets into a log, an error or a printed request by accident.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace gaze {

// A key or token. Has no way into a stream or a format string; `reveal` is for the one place that sends it.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  bool empty() const { return value_.empty(); }
  const std::string& reveal() const { return value_; }

 private:
  std::string value_;
};

// What stands where a secret stood.
inline constexpr std::string_view kMask = "***";

// `text` with every secret masked. Services quote keys partly ("sk-ab****yz"), so whatever word begins like a secret
// (its first six characters) goes too.
std::string redact(std::string text, std::span<const Secret> secrets);

}  // namespace gaze
