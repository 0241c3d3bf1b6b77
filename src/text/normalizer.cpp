#include "text/normalizer.h"

#include <utility>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/length_check.h"

namespace gaze {
namespace {

// A normaliser that is one function of the text.
template <class Function>
class FunctionNormalizer : public Normalizer {
 public:
  explicit FunctionNormalizer(Function function) : function_(std::move(function)) {}
  void apply(std::string& text) const override { text = function_(text); }

 private:
  Function function_;
};

template <class Function>
NormalizerPtr from_function(Function function) {
  return std::make_unique<FunctionNormalizer<Function>>(std::move(function));
}

// Calls append(out, c) for every code point.
template <class Append>
std::string map_code_points(std::string_view text, Append&& append) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint c = code_point_at(text, i);
    append(out, c.value);
    i += c.bytes;
  }
  return out;
}

template <class Drop>
std::string drop_if(std::string_view text, Drop&& drop) {
  return map_code_points(text, [&](std::string& out, char32_t c) {
    if (!drop(c)) append_utf8(out, c);
  });
}

std::string clean_text(std::string_view text) {
  return map_code_points(text, [](std::string& out, char32_t c) {
    if (c == 0 || c == 0xFFFD || is_control(c)) return;
    append_utf8(out, is_whitespace(c) ? U' ' : c);
  });
}

std::string set_ideographs_apart(std::string_view text) {
  return map_code_points(text, [](std::string& out, char32_t c) {
    const bool apart = is_cjk_ideograph(c);
    if (apart) out += ' ';
    append_utf8(out, c);
    if (apart) out += ' ';
  });
}

std::string strip(std::string_view text, bool left, bool right) {
  while (left && !text.empty()) {
    const CodePoint c = code_point_at(text, 0);
    if (!is_whitespace(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  while (right && !text.empty()) {
    const CodePoint c = code_point_before(text, text.size());
    if (!is_whitespace(c.value)) break;
    text.remove_suffix(c.bytes);
  }
  return std::string(text);
}

}  // namespace

void check_length(const std::string& text) {
  const std::int64_t limit = 32 * limits().text_bytes;
  if (static_cast<std::int64_t>(text.size()) > limit) {
    throw Error(ErrorCode::limit_exceeded, message("the text is longer than the limit of {} bytes", limit));
  }
}

NormalizerPtr unicode_normalizer(NormalForm form) {
  return from_function([form](std::string_view text) { return normalize(text, form); });
}

NormalizerPtr lowercase_normalizer() {
  return from_function([](std::string_view text) { return lower_case(text); });
}

NormalizerPtr strip_accents_normalizer() {
  return from_function([](std::string_view text) { return drop_if(text, is_mark); });
}

NormalizerPtr strip_normalizer(bool left, bool right) {
  return from_function([left, right](std::string_view text) { return strip(text, left, right); });
}

NormalizerPtr prepend_normalizer(std::string prefix) {
  return from_function(
      [prefix = std::move(prefix)](const std::string& text) { return text.empty() ? std::string() : prefix + text; });
}

NormalizerPtr replace_normalizer(std::unique_ptr<const Pattern> what, std::string with) {
  return from_function([what = std::move(what), with = std::move(with)](std::string_view text) {
    std::vector<TextRange> matches;
    what->find(text, matches);
    std::string out;
    out.reserve(text.size());
    std::size_t done = 0;
    for (const TextRange& match : matches) {
      out.append(text.substr(done, match.begin - done)).append(with);
      done = match.end;
      check_length(out);
    }
    return out.append(text.substr(done));
  });
}

NormalizerPtr bert_normalizer(const BertNormalization& settings) {
  return from_function([settings](std::string_view text) {
    std::string out(text);
    if (settings.clean_text) out = clean_text(out);
    if (settings.handle_chinese_chars) out = set_ideographs_apart(out);
    if (settings.strip_accents.value_or(settings.lowercase)) {
      out = drop_if(normalize(out, NormalForm::nfd), is_nonspacing_mark);
    }
    if (settings.lowercase) out = lower_case(out);
    return out;
  });
}

}  // namespace gaze
