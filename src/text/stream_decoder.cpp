#include "text/stream_decoder.h"

#include <string_view>

namespace gaze {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";
// A character has four bytes at most; a model that goes on writing broken ones is not waited for.
constexpr std::size_t kMostHeldBack = 4;

}  // namespace

std::string StreamDecoder::push(TokenId id) {
  if (skip_special_tokens_ && tokenizer_.is_special(id)) return {};
  window_.push_back(id);
  const std::string text = tokenizer_.decode(window_, skip_special_tokens_);
  if (text.ends_with(kReplacement) && window_.size() - context_ < kMostHeldBack) return {};
  return release(text);
}

std::string StreamDecoder::finish() {
  std::string text = release(tokenizer_.decode(window_, skip_special_tokens_));
  window_.clear();
  context_ = 0;
  context_text_.clear();
  return text;
}

// What `text`, that of the whole window, has beyond its context; the tokens held back become the context.
std::string StreamDecoder::release(const std::string& text) {
  if (window_.size() == context_) return {};
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(context_));
  const std::string alone = tokenizer_.decode(window_, skip_special_tokens_);
  std::string added = text.starts_with(context_text_) ? text.substr(context_text_.size()) : alone;
  context_ = window_.size();
  context_text_ = alone;
  return added;
}

}  // namespace gaze
