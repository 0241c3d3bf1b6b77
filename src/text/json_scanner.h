// Reads the large objects of tokenizer files front to back, without building a tree of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace gaze {

// A cursor over one JSON text. Each method reads the value at the cursor and moves behind it.
// Errors of all: invalid_json, naming `origin` and the byte (syntax, another type, nested too deep, not UTF-8).
class JsonScanner {
 public:
  // `text` must outlive the scanner.
  JsonScanner(std::string_view text, std::string origin);

  // each(key) must read the value; `key` is valid until it does.
  template <class Each>
  void object(Each&& each) {
    open('{');
    for (bool first = true; next_item('}', first); first = false) {
      const std::string_view key = string();
      expect(':');
      each(key);
    }
    close();
  }

  // each() must read an element.
  template <class Each>
  void array(Each&& each) {
    open('[');
    for (bool first = true; next_item(']', first); first = false) each();
    close();
  }

  // Valid until the next call.
  std::string_view string();
  std::int64_t integer();
  double number();
  // Any value, as a tree.
  Json value();

  // The first character of the value at the cursor: '{', '[', '"', a digit, '-', 't', 'f' or 'n'.
  char peek();
  // Nothing may follow.
  void finish();

  [[noreturn]] void fail() const;

 private:
  void skip_spaces();
  void expect(char c);
  void open(char bracket);
  bool next_item(char closing, bool first);
  void close() { --depth_; }
  void unescape();
  std::uint32_t hex4();
  std::string_view number_text();

  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t depth_ = 0;
  std::string origin_;
  std::string unescaped_;
};

}  // namespace gaze
