#include <atomic>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/talk.h"
#include "cli/line_editor.h"
#include "cli/terminal.h"

namespace gaze::cli {
namespace {

// While it lives, Ctrl-C stops the answer under way and nothing else.
class InterruptsAnswers {
 public:
  explicit InterruptsAnswers(CancelToken& answer) {
    current_ = &answer;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (CancelToken* token = current_) token->cancel();
    };
    ::sigaction(SIGINT, &action, &before_);
  }
  InterruptsAnswers(const InterruptsAnswers&) = delete;
  InterruptsAnswers& operator=(const InterruptsAnswers&) = delete;
  ~InterruptsAnswers() {
    ::sigaction(SIGINT, &before_, nullptr);
    current_ = nullptr;
  }

 private:
  static inline std::atomic<CancelToken*> current_{nullptr};
  static_assert(std::atomic<CancelToken*>::is_always_lock_free);
  struct sigaction before_ {};
};

// One evening's talk: what was said, for /save, and the pictures that go with the next question.
class Conversation {
 public:
  Conversation(Invocation& invocation, VisualChat& chat)
      : output_(invocation.output), chat_(chat), options_(answer_options_of(invocation.settings)) {
    for (const std::string& picture : invocation.arguments) add_picture(picture);
  }

  void ask(const std::string& question) {
    CancelToken stop;
    std::string answer;
    try {
      const InterruptsAnswers interrupts(stop);
      StreamedText screen(output_);
      chat_.ask({pictures_, question}, options_, stop, [&](std::string_view text) {
        answer += text;
        screen.add(text);
      });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::cancelled) {
        log_note(message("(stopped)"));
      } else {
        log_warning(error.hint().empty() ? error.message() : error.message() + "\n  " + error.hint());
      }
      const bool bad_picture = error.code() == ErrorCode::bad_image || error.code() == ErrorCode::image_too_large ||
                               error.code() == ErrorCode::not_found;
      if (bad_picture) pictures_.clear();
      if (answer.empty()) return;  // the question counts as not asked, good pictures go with the next one
    }
    output_.flush();
    for (const std::string& picture : pictures_) said_ += "![" + display(picture) + "](" + display(picture) + ")\n\n";
    said_ += "**" + question + "**\n\n" + answer + "\n\n";
    pictures_.clear();
  }

  void add_picture(const std::string& picture) {
    std::error_code ignored;
    const bool address = picture.starts_with("http://") || picture.starts_with("https://");
    if (!address && !std::filesystem::is_regular_file(picture, ignored)) {
      throw Error(ErrorCode::not_found, message("{}: no such file", display(picture)));
    }
    pictures_.push_back(picture);
  }

  void reset() {
    chat_.reset();
    pictures_.clear();
    said_.clear();
  }

  void save(const std::filesystem::path& file) const {
    write_file_atomically(file, "# " + chat_.model() + "\n\n" + said_);
  }

 private:
  Output& output_;
  VisualChat& chat_;
  const AnswerOptions options_;
  std::vector<std::string> pictures_;
  std::string said_;  // Markdown
};

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// False for /quit. Errors of a command are for its line alone.
bool follow(Conversation& conversation, const std::string& line) {
  const std::string word = line.substr(0, line.find(' '));
  const std::string rest = trimmed(line.substr(word.size()));
  if (word == "/quit" || word == "/exit") return false;
  if (word == "/reset") {
    conversation.reset();
    log_note(message("all is forgotten"));
  } else if (word == "/image" && !rest.empty()) {
    conversation.add_picture(rest);
    log_note(message("{} goes with the next question", printable(rest)));
  } else if (word == "/save" && !rest.empty()) {
    conversation.save(rest);
    log_note(message("saved in {}", printable(rest)));
  } else {
    log_note(message("there are: /image FILE, /reset, /save FILE, /quit"));
  }
  return true;
}

int run_chat(Invocation& invocation) {
  if (invocation.json()) {
    throw Error(ErrorCode::usage, message("chat is for people"), message("programs take: gaze ask --json"));
  }
  const Talk talk = open_talk(invocation, invocation.settings.text("model"), false);
  Conversation conversation(invocation, *talk.chat);
  LineEditor editor("> ");
  if (editor.on_terminal()) {
    log_note(message("{}. /image FILE, /reset, /save FILE, /quit; Ctrl-C stops an answer", talk.chat->model()));
  }
  while (const auto read = editor.read()) {
    const std::string line = trimmed(*read);
    if (line.empty()) continue;
    try {
      if (line.starts_with('/')) {
        if (!follow(conversation, line)) break;
      } else {
        conversation.ask(line);
      }
    } catch (const Error& error) {
      log_warning(error.message());
    }
  }
  return 0;
}

}  // namespace

Command chat_command() {
  Command command;
  command.name = "chat";
  command.arguments = "[IMAGE…]";
  command.summary = message("talk about pictures");
  command.description = message(
      "Type a question and Enter; the model remembers what was said. /image FILE adds a picture to the next question, "
      "/reset forgets everything, /save FILE writes the conversation as Markdown, /quit or Ctrl-D ends. Ctrl-C stops "
      "an answer, not the program.");
  command.options = answer_options();
  command.examples = {{"gaze chat photo.jpg --model openai:gpt-4o", message("about one picture")},
                      {"gaze chat --model http://localhost:8000/v1#qwen2.5-vl", message("with your own server")}};
  command.run = run_chat;
  return command;
}

}  // namespace gaze::cli
