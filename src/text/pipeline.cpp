#include "text/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/text_rules.h"
#include "text/unicode.h"

namespace gaze {
namespace {

class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(TokenizerParts parts) : parts_(std::move(parts)) {
    GAZE_CHECK(parts_.vocabulary && parts_.model);
    for (AddedToken token : parts_.added_tokens) {
      GAZE_CHECK(parts_.vocabulary->contains(token.id));
      if (token.normalized) normalize(token.content);
      if (token.content.empty()) continue;
      (token.normalized ? after_normalizing_ : before_normalizing_).add(std::move(token));
    }
  }

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    if (static_cast<std::int64_t>(text.size()) > limits().text_bytes) {
      throw Error(ErrorCode::limit_exceeded,
                  message("the text is longer than the limit of {} bytes", limits().text_bytes));
    }
    std::string repaired;
    if (!is_valid_utf8(text)) text = repaired = to_valid_utf8(text);

    std::vector<TokenId> ids;
    if (options.add_special_tokens) ids = parts_.prefix;
    std::vector<AddedTokens::Segment> segments;
    before_normalizing_.split(text, options.parse_special, segments);
    for (const AddedTokens::Segment& segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
      } else {
        encode_between(segment.text, segment.text.data() == text.data(), options, ids);
      }
    }
    const std::size_t after = options.add_special_tokens ? parts_.suffix.size() : 0;
    const auto max_length = static_cast<std::size_t>(std::max(options.max_length, 0));
    if (max_length > 0 && ids.size() + after > max_length) {
      const std::size_t before = options.add_special_tokens ? parts_.prefix.size() : 0;
      ids.resize(std::max(max_length, before + after) - after);
    }
    if (options.add_special_tokens) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::vector<std::string> tokens;
    tokens.reserve(ids.size());
    for (const TokenId id : ids) {
      if (!parts_.vocabulary->contains(id) || (skip_special_tokens && is_special(id))) continue;
      tokens.emplace_back(parts_.vocabulary->token(id));
    }
    for (const DecoderStepPtr& step : parts_.decoders) step->apply(tokens);
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0 && parts_.join_with_spaces) text += ' ';
      text += tokens[i];
    }
    if (!parts_.end_of_word_suffix.empty()) text = spaces_for_word_ends(std::move(text));
    if (parts_.close_cjk_gaps) text = close_cjk_gaps(text);
    if (parts_.clean_up_spaces) text = clean_up_spaces(std::move(text));
    return text;
  }

  int vocabulary_size() const override { return parts_.vocabulary->size(); }
  std::string token(TokenId id) const override { return std::string(parts_.vocabulary->token(id)); }
  TokenId id(std::string_view token) const override { return parts_.vocabulary->find(token); }
  bool is_special(TokenId id) const override { return parts_.vocabulary->is_special(id); }
  const SpecialTokens& special_tokens() const override { return parts_.special_tokens; }
  int model_max_length() const override { return parts_.model_max_length; }

 private:
  void normalize(std::string& text) const {
    for (const NormalizerPtr& step : parts_.normalizers) step->apply(text);
  }

  // Text between the tokens that are looked for before normalising.
  void encode_between(std::string_view text, bool first, const EncodeOptions& options,
                      std::vector<TokenId>& ids) const {
    std::string normal(text);
    normalize(normal);
    std::vector<AddedTokens::Segment> segments;
    after_normalizing_.split(normal, options.parse_special, segments);
    for (const AddedTokens::Segment& segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      const std::size_t before = ids.size();
      tokenize(segment.text, first && segment.text.data() == normal.data(), ids);
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(before);
      const std::size_t hidden = std::min(parts_.hidden_tokens, ids.size() - before);
      ids.erase(begin, begin + static_cast<std::ptrdiff_t>(hidden));
    }
  }

  void tokenize(std::string_view text, bool first, std::vector<TokenId>& ids) const {
    Words words(std::string(text), first);
    for (const PreTokenizerPtr& step : parts_.pre_tokenizers) step->apply(words);
    parts_.model->tokenize(words, ids);
  }

  std::string spaces_for_word_ends(std::string text) const {
    replace_normalizer(literal_pattern(parts_.end_of_word_suffix), " ")->apply(text);
    while (!text.empty() && is_python_space(code_point_before(text, text.size()).value)) {
      text.resize(text.size() - code_point_before(text, text.size()).bytes);
    }
    std::size_t begin = 0;
    while (begin < text.size() && is_python_space(code_point_at(text, begin).value)) {
      begin += code_point_at(text, begin).bytes;
    }
    return text.substr(begin);
  }

  TokenizerParts parts_;
  AddedTokens before_normalizing_, after_normalizing_;
};

}  // namespace

std::unique_ptr<const Tokenizer> make_tokenizer(TokenizerParts parts) {
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace gaze
