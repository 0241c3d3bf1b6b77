// How a conversation is written down for a model. Checkpoints carry a Jinja program for it; Gaze runs none, but knows
// the published forms by their marks.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

enum class ChatRole { system, user, assistant };

struct ChatLine {
  ChatRole role = ChatRole::user;
  std::string text;
  int pictures = 0;  // shown with it
};

enum class ChatForm {
  plain,    // the text alone: models that were not trained to talk
  vicuna,   // USER: … ASSISTANT:
  chatml,   // <|im_start|>user …
  llama2,   // [INST] … [/INST], every turn with a beginning of its own
  mistral,  // the same with one beginning for all
  llama3,   // <|start_header_id|>user …
  zephyr,   // <|user|> …
  smolvlm,  // <|im_start|>User: … <end_of_utterance>
};

// Immutable; safe to share between threads.
class ChatTemplate {
 public:
  explicit ChatTemplate(ChatForm form, std::string default_system = {})
      : form_(form), default_system_(std::move(default_system)) {}

  // The form whose marks stand in a checkpoint's Jinja program, with the system line it puts first by itself; plain
  // for an unknown one.
  static ChatTemplate recognise(std::string_view jinja);

  ChatForm form() const { return form_; }
  // The text that ends an answer ("<|im_end|>"); empty where the end token alone does.
  std::string_view end_of_answer() const;

  // Ids of the conversation up to where the assistant speaks. The lines' own text never becomes a special token.
  // picture_token stands once for each picture; it need not be in the vocabulary, and nobody shows any without it.
  std::vector<TokenId> encode(std::span<const ChatLine> lines, const Tokenizer& tokenizer,
                              TokenId picture_token = -1) const;

 private:
  struct Piece {
    std::string text;
    bool said = false;     // by somebody, else the form's own
    bool picture = false;  // shown: the text is empty
  };
  std::vector<Piece> pieces(std::span<const ChatLine> lines) const;

  ChatForm form_;
  std::string default_system_;
};

}  // namespace gaze
