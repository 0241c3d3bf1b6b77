#include "text/json_scanner.h"

#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/unicode.h"

namespace gaze {

JsonScanner::JsonScanner(std::string_view text, std::string origin) : text_(text), origin_(std::move(origin)) {
  if (!is_valid_utf8(text_)) throw Error(ErrorCode::invalid_json, message("{}: not valid UTF-8", origin_));
}

void JsonScanner::fail() const {
  throw Error(ErrorCode::invalid_json, message("{}: not valid JSON at byte {}", origin_, at_));
}

void JsonScanner::skip_spaces() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
}

char JsonScanner::peek() {
  skip_spaces();
  if (at_ == text_.size()) fail();
  return text_[at_];
}

void JsonScanner::expect(char c) {
  if (peek() != c) fail();
  ++at_;
}

void JsonScanner::open(char bracket) {
  expect(bracket);
  if (++depth_ > limits().json_depth) {
    throw Error(ErrorCode::invalid_json,
                message("{}: JSON nested deeper than {} at byte {}", origin_, limits().json_depth, at_));
  }
}

// Moves to the next element; false behind the last, with the bracket read.
bool JsonScanner::next_item(char closing, bool first) {
  if (peek() == closing) {
    ++at_;
    return false;
  }
  if (!first) {
    expect(',');
    skip_spaces();
  }
  return true;
}

std::string_view JsonScanner::string() {
  expect('"');
  const std::size_t begin = at_;
  for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
    if (static_cast<unsigned char>(text_[at_]) < 0x20) fail();
    if (text_[at_] == '\\') {
      unescaped_.assign(text_.substr(begin, at_ - begin));
      unescape();
      return unescaped_;
    }
  }
  if (at_ == text_.size()) fail();
  return text_.substr(begin, at_++ - begin);
}

// The rest of a string from its first backslash.
void JsonScanner::unescape() {
  while (at_ < text_.size() && text_[at_] != '"') {
    const char c = text_[at_++];
    if (static_cast<unsigned char>(c) < 0x20) fail();
    if (c != '\\') {
      unescaped_ += c;
      continue;
    }
    if (at_ == text_.size()) fail();
    static constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const char escape = text_[at_++];
    if (const std::size_t which = kEscapes.find(escape); which != std::string_view::npos) {
      unescaped_ += kMeanings[which];
      continue;
    }
    if (escape != 'u') fail();
    char32_t code = hex4();
    if (code >= 0xD800 && code < 0xDC00) {  // the first half of a pair
      if (text_.substr(at_, 2) != "\\u") fail();
      at_ += 2;
      const char32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail();
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code < 0xE000) {
      fail();
    }
    append_utf8(unescaped_, code);
  }
  if (at_ == text_.size()) fail();
  ++at_;
}

std::uint32_t JsonScanner::hex4() {
  std::uint32_t code = 0;
  if (text_.size() - at_ < 4) fail();
  const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, code, 16);
  if (error != std::errc() || end != text_.data() + at_ + 4) fail();
  at_ += 4;
  return code;
}

// A number by JSON's grammar.
std::string_view JsonScanner::number_text() {
  peek();
  const std::size_t begin = at_;
  const auto digits = [&] {
    const std::size_t first = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    if (at_ == first) fail();
    return at_ - first;
  };
  const auto accept = [&](std::string_view any) {
    const bool found = at_ < text_.size() && any.find(text_[at_]) != std::string_view::npos;
    if (found) ++at_;
    return found;
  };
  accept("-");
  const std::size_t first = at_;
  if (digits() > 1 && text_[first] == '0') fail();
  if (accept(".")) digits();
  if (accept("eE")) {
    accept("+-");
    digits();
  }
  return text_.substr(begin, at_ - begin);
}

std::int64_t JsonScanner::integer() {
  const std::string_view text = number_text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail();
  return value;
}

double JsonScanner::number() {
  const std::string_view text = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail();
  return value;
}

Json JsonScanner::value() {
  // Finds the end by brackets and quotes; whether it is JSON is for parse_json to say.
  peek();
  const std::size_t begin = at_;
  std::int64_t depth = 0;
  bool in_string = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (in_string) {
      if (c == '\\' && at_ + 1 < text_.size()) ++at_;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) break;
    } else if (c == ',' && depth == 0) {
      break;
    }
  }
  return parse_json(text_.substr(begin, at_ - begin), origin_);
}

void JsonScanner::finish() {
  skip_spaces();
  if (at_ != text_.size()) fail();
}

}  // namespace gaze
