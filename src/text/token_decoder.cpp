#include "text/token_decoder.h"

#include <charconv>
#include <utility>

#include "base/file.h"
#include "text/byte_alphabet.h"
#include "text/normalizer.h"
#include "text/unicode.h"

namespace gaze {
namespace {

using Tokens = std::vector<std::string>;

template <class Function>
class FunctionStep : public DecoderStep {
 public:
  explicit FunctionStep(Function function) : function_(std::move(function)) {}
  void apply(Tokens& tokens) const override { function_(tokens); }

 private:
  Function function_;
};

template <class Function>
DecoderStepPtr from_function(Function function) {
  return std::make_unique<FunctionStep<Function>>(std::move(function));
}

std::string join(const Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  return all;
}

// `what` is not empty.
void replace_all(std::string& text, std::string_view what, std::string_view with) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, done)) {
    out.append(text, done, at - done).append(with);
    done = at + what.size();
  }
  if (done > 0) text = out.append(text, done);
}

// The bytes of a token of the byte alphabet; a token with any other character is its own UTF-8.
std::string bytes_of_characters(const std::string& token) {
  std::string bytes;
  for (std::size_t i = 0; i < token.size();) {
    const CodePoint c = code_point_at(token, i);
    const int byte = byte_of(c.value);
    if (byte < 0) return token;
    bytes += static_cast<char>(byte);
    i += c.bytes;
  }
  return bytes;
}

// The byte of "<0xE4>", or -1.
int byte_of_fallback_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return -1;
  unsigned byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? static_cast<int>(byte) : -1;
}

void join_fallback_bytes(Tokens& tokens) {
  Tokens out;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (is_valid_utf8(bytes)) {
      out.push_back(bytes);
    } else {
      out.insert(out.end(), bytes.size(), "\uFFFD");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const int byte = byte_of_fallback_token(token); byte >= 0) {
      bytes += static_cast<char>(byte);
    } else {
      flush();
      out.push_back(std::move(token));
    }
  }
  flush();
  tokens = std::move(out);
}

// Of the first rules that both references share; `do not` is the `tokenizers` library's own.
constexpr std::pair<std::string_view, std::string_view> kCleanUp[] = {
    {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
};

}  // namespace

std::string clean_up_spaces(std::string text) {
  for (const auto& [what, with] : kCleanUp) replace_all(text, what, with);
  return text;
}

DecoderStepPtr byte_level_decoder() {
  return from_function([](Tokens& tokens) {
    std::string bytes;
    for (const std::string& token : tokens) bytes += bytes_of_characters(token);
    tokens = {to_valid_utf8(bytes)};
  });
}

DecoderStepPtr byte_fallback_decoder() {
  return from_function(join_fallback_bytes);
}

DecoderStepPtr fuse_decoder() {
  return from_function([](Tokens& tokens) { tokens = {join(tokens)}; });
}

DecoderStepPtr word_piece_decoder(std::string prefix, bool cleanup) {
  return from_function([prefix = std::move(prefix), cleanup](Tokens& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) tokens[i] = tokens[i].starts_with(prefix) ? tokens[i].substr(prefix.size()) : " " + tokens[i];
      if (cleanup) tokens[i] = clean_up_spaces(std::move(tokens[i]));
    }
  });
}

DecoderStepPtr bpe_decoder(std::string suffix) {
  return from_function([suffix = std::move(suffix)](Tokens& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
  });
}

DecoderStepPtr metaspace_decoder(std::string replacement, bool drop_first) {
  return from_function([replacement = std::move(replacement), drop_first](Tokens& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      replace_all(tokens[i], replacement, i == 0 && drop_first ? "" : " ");
    }
  });
}

DecoderStepPtr replace_decoder(std::unique_ptr<const Pattern> what, std::string with) {
  return from_function([replace = replace_normalizer(std::move(what), std::move(with))](Tokens& tokens) {
    for (std::string& token : tokens) replace->apply(token);
  });
}

DecoderStepPtr strip_decoder(std::string content, std::size_t start, std::size_t stop) {
  return from_function([content = std::move(content), start, stop](Tokens& tokens) {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (std::size_t i = 0; i < start && rest.starts_with(content); ++i) rest.remove_prefix(content.size());
      for (std::size_t i = 0; i < stop && rest.ends_with(content); ++i) rest.remove_suffix(content.size());
      token = std::string(rest);
    }
  });
}

}  // namespace gaze
