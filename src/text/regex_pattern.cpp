#include "text/regex_pattern.h"

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "base/error.h"
#include "base/message.h"
#include "text/unicode.h"

namespace gaze {
namespace {

// ICU counts its steps in units of about ten thousand; this is some seconds for the worst expressions.
constexpr std::int32_t kTimeLimit = 4000;
constexpr std::int32_t kStackBytes = 64 << 20;

// Refuses what Oniguruma and ICU read differently: anchors of lines, and escapes other than the common ones.
bool means_the_same(std::string_view expression) {
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\') {
      if (++i == expression.size()) return false;
      const char escaped = expression[i];
      const bool alphanumeric = is_letter(static_cast<unsigned char>(escaped)) ||
                                is_number(static_cast<unsigned char>(escaped)) || (escaped & 0x80) != 0;
      if (alphanumeric && std::string_view("pPsSdDrntux").find(escaped) == std::string_view::npos) return false;
    } else if (c == '[') {
      in_class = true;
      if (i + 1 < expression.size() && expression[i + 1] == '^') ++i;
    } else if (c == ']') {
      in_class = false;
    } else if (!in_class && (c == '^' || c == '$')) {
      return false;
    }
  }
  return true;
}

class IcuPattern : public Pattern {
 public:
  IcuPattern(std::unique_ptr<icu::RegexPattern> pattern, std::string origin)
      : pattern_(std::move(pattern)), origin_(std::move(origin)) {}

  void find(std::string_view text, std::vector<TextRange>& matches) const override {
    const auto wide = icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(wide, status));
    if (U_SUCCESS(status)) matcher->setTimeLimit(kTimeLimit, status);
    if (U_SUCCESS(status)) matcher->setStackLimit(kStackBytes, status);

    // Both encodings are walked side by side to turn ICU's UTF-16 positions into bytes.
    std::size_t byte = 0;
    std::int32_t unit = 0;
    const auto byte_at = [&](std::int32_t target) {
      while (unit < target) {
        const std::size_t bytes = code_point_at(text, byte).bytes;
        byte += bytes;
        unit += bytes == 4 ? 2 : 1;
      }
      return static_cast<std::uint32_t>(byte);
    };
    while (U_SUCCESS(status) && matcher->find(status)) {
      const std::uint32_t begin = byte_at(matcher->start(status));
      const std::uint32_t end = byte_at(matcher->end(status));
      if (begin != end) matches.push_back({begin, end});
    }
    if (U_FAILURE(status)) {
      throw Error(ErrorCode::limit_exceeded,
                  message("{}: the tokenizer's split expression takes too long on this text", origin_));
    }
  }

 private:
  std::unique_ptr<icu::RegexPattern> pattern_;
  std::string origin_;
};

}  // namespace

std::unique_ptr<const Pattern> icu_regex_pattern(const std::string& expression, const std::string& origin) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where;
  std::unique_ptr<icu::RegexPattern> pattern;
  if (means_the_same(expression)) {
    pattern.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(expression), where, status));
  }
  if (!pattern || U_FAILURE(status)) {
    throw Error(ErrorCode::unsupported_model,
                message("{}: the regular expression \"{}\" is not supported", origin, expression));
  }
  return std::make_unique<IcuPattern>(std::move(pattern), origin);
}

}  // namespace gaze
