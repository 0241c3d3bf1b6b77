// A line that a person types, with the keys they know: arrows, Home and End, Ctrl-A, Ctrl-W, earlier lines.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace gaze::cli {

// Reads from a terminal through libedit, from anything else line by line without a prompt. Used by one thread; only one
// at a time. Ctrl-C throws away what is typed.
class LineEditor {
 public:
  explicit LineEditor(std::string prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  bool on_terminal() const { return impl_ != nullptr; }

  // Without its line break, as valid UTF-8; nothing at the end (Ctrl-D).
  std::optional<std::string> read();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // none: not a terminal
};

}  // namespace gaze::cli
