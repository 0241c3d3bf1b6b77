#include "text/text_rules.h"

#include <memory>
#include <utility>

namespace gaze {
namespace {

class SiglipNormalizer : public Normalizer {
 public:
  SiglipNormalizer(bool lower, std::string prefix) : lower_(lower), prefix_(std::move(prefix)) {}

  void apply(std::string& text) const override {
    // "▁" in the text is a space; one stands before it and keeps the spaces that follow from being stripped.
    std::string spaced = "\u2581";
    const auto blank = replace_normalizer(literal_pattern("\u2581"), " ");
    blank->apply(text);
    spaced += text;
    if (lower_) spaced = lower_case(spaced);

    std::string out = prefix_;
    bool pending_space = false;
    for (std::size_t at = 0; at < spaced.size();) {
      const CodePoint c = code_point_at(spaced, at);
      at += c.bytes;
      if (c.value < 0x80 && is_punctuation(c.value)) continue;
      if (is_python_space(c.value)) {
        pending_space = true;
        continue;
      }
      if (std::exchange(pending_space, false)) out += ' ';
      append_utf8(out, c.value);
    }
    text = std::move(out);
  }

 private:
  bool lower_;
  std::string prefix_;
};

bool is_gap_or_full_stop(char32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0xA0 || c == 0x3000 || c == '.' || c == 0x3002 || c == 0xFF0E ||
         c == 0xFF61;
}

class FullStopStripper : public Normalizer {
 public:
  void apply(std::string& text) const override {
    while (!text.empty()) {
      const CodePoint last = code_point_before(text, text.size());
      if (!is_gap_or_full_stop(last.value)) break;
      text.resize(text.size() - last.bytes);
    }
  }
};

// gaze-mini's own ranges, wider than BERT's.
bool is_chinese_character(char32_t c) {
  return (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x2FA1F);
}

bool is_chinese_text(char32_t c) {
  return is_chinese_character(c) || (c >= 0x3000 && c <= 0x303F) || (c >= 0xFF00 && c <= 0xFFEF);
}

class CjkSplitter : public Normalizer {
 public:
  void apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const CodePoint c = code_point_at(text, at);
      at += c.bytes;
      const bool cjk = is_chinese_character(c.value);
      if (cjk) out += ' ';
      append_utf8(out, c.value);
      if (cjk) out += ' ';
    }
    text = std::move(out);
  }
};

}  // namespace

NormalizerPtr siglip_normalizer(bool lower_case, std::string prefix) {
  return std::make_unique<SiglipNormalizer>(lower_case, std::move(prefix));
}

NormalizerPtr strip_final_full_stops() {
  return std::make_unique<FullStopStripper>();
}

NormalizerPtr split_cjk_characters() {
  return std::make_unique<CjkSplitter>();
}

std::string close_cjk_gaps(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool gap = text[at] == ' ' && ((at > 0 && is_chinese_text(code_point_before(text, at).value)) ||
                                         (at + 1 < text.size() && is_chinese_text(code_point_at(text, at + 1).value)));
    if (!gap) out += text[at];
  }
  return out;
}

}  // namespace gaze
