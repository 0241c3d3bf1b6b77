// Steps that change a text before it is cut into words: tokenizer.json's "normalizer" and what other formats imply.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pattern.h"
#include "text/unicode.h"

namespace gaze {

// Immutable; safe to share between threads.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Valid UTF-8 in and out.
  virtual void apply(std::string& text) const = 0;
};

using NormalizerPtr = std::unique_ptr<const Normalizer>;

NormalizerPtr unicode_normalizer(NormalForm form);
NormalizerPtr lowercase_normalizer();                   // Lowercase
NormalizerPtr strip_accents_normalizer();               // StripAccents: drops marks
NormalizerPtr strip_normalizer(bool left, bool right);  // Strip: whitespace at the ends
NormalizerPtr prepend_normalizer(std::string prefix);   // Prepend: before a text that is not empty
NormalizerPtr replace_normalizer(std::unique_ptr<const Pattern> what, std::string with);  // Replace

// BertNormalizer, and the same in BERT's slow tokenizer.
struct BertNormalization {
  bool clean_text = true;            // control characters dropped, every whitespace a space
  bool handle_chinese_chars = true;  // spaces around ideographs
  bool lowercase = true;
  std::optional<bool> strip_accents;  // as lowercase where it is not said
};
NormalizerPtr bert_normalizer(const BertNormalization& settings);

}  // namespace gaze
