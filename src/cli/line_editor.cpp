#include "cli/line_editor.h"

#include <clocale>
#include <cstdio>
#include <iostream>
#include <string_view>

#include <histedit.h>
#include <langinfo.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "cli/terminal.h"

namespace gaze::cli {

struct LineEditor::Impl {
  std::string prompt;
  EditLine* line = nullptr;
  History* history = history_init();

  explicit Impl(std::string text) : prompt(std::move(text)) {
    // libedit reads characters in the locale's encoding, and ours is UTF-8 wherever the environment says nothing.
    std::setlocale(LC_CTYPE, "");
    if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
    line = el_init("gaze", stdin, stderr, stderr);
    GAZE_CHECK(line && history);
    HistEvent event;
    ::history(history, &event, H_SETSIZE, 500);
    el_set(line, EL_CLIENTDATA, this);
    el_set(line, EL_PROMPT, prompt_of);
    el_set(line, EL_EDITOR, "emacs");
    el_set(line, EL_HIST, ::history, history);
    // While a line is typed, Ctrl-C is a key like others: it throws the line away.
    el_set(line, EL_SETTY, "-d", "intr=", nullptr);
    el_set(line, EL_BIND, "^C", "ed-start-over", nullptr);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    el_end(line);
    history_end(history);
  }

  static char* prompt_of(EditLine* editor) {
    Impl* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }
};

LineEditor::LineEditor(std::string prompt) {
  if (is_terminal(STDIN_FILENO) && is_terminal(STDERR_FILENO)) impl_ = std::make_unique<Impl>(std::move(prompt));
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read() {
  std::string text;
  if (impl_) {
    // libedit shows the prompt first: a Ctrl-C or Ctrl-D at once would be the terminal's, not the line's.
    el_set(impl_->line, EL_PREP_TERM, 1);
    int count = 0;
    const char* typed = el_gets(impl_->line, &count);
    if (!typed || count <= 0) return {};
    text = typed;
    HistEvent event;
    if (text.find_first_not_of(" \t\r\n") != std::string::npos) ::history(impl_->history, &event, H_ENTER, typed);
  } else if (!std::getline(std::cin, text)) {
    return {};
  }
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  return to_valid_utf8(text);
}

}  // namespace gaze::cli
