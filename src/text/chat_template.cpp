#include "text/chat_template.h"

#include <algorithm>
#include <utility>

namespace gaze {
namespace {

constexpr std::string_view kRoles[] = {"system", "user", "assistant"};

std::string_view name_of(ChatRole role) {
  return kRoles[static_cast<int>(role)];
}

bool holds(std::string_view text, std::string_view mark) {
  return text.find(mark) != std::string_view::npos;
}

// The literal system line of a ChatML program: what stands between "<|im_start|>system" and the end mark, where
// that is plain text.
std::string default_system_of(std::string_view jinja) {
  constexpr std::string_view kBegin = "<|im_start|>system", kEnd = "<|im_end|>";
  const std::size_t begin = jinja.find(kBegin);
  if (begin == std::string_view::npos) return {};
  std::string_view text = jinja.substr(begin + kBegin.size());
  for (const std::string_view line_break : {"\n", "\\n"}) {
    if (!text.starts_with(line_break)) continue;
    text.remove_prefix(line_break.size());
    text = text.substr(0, text.find(kEnd));
    return text.find_first_of("'\"{}+") == std::string_view::npos ? std::string(text) : std::string();
  }
  return {};
}

}  // namespace

ChatTemplate ChatTemplate::recognise(std::string_view jinja) {
  if (holds(jinja, "<end_of_utterance>")) return ChatTemplate(ChatForm::smolvlm);
  if (holds(jinja, "<|im_start|>")) return ChatTemplate(ChatForm::chatml, default_system_of(jinja));
  if (holds(jinja, "<|start_header_id|>")) return ChatTemplate(ChatForm::llama3);
  if (holds(jinja, "[INST]")) return ChatTemplate(ChatForm::llama2);
  if (holds(jinja, "<|user|>")) return ChatTemplate(ChatForm::zephyr);
  if (holds(jinja, "ASSISTANT:")) return ChatTemplate(ChatForm::vicuna);
  return ChatTemplate(ChatForm::plain);
}

std::string_view ChatTemplate::end_of_answer() const {
  switch (form_) {
    case ChatForm::chatml:
      return "<|im_end|>";
    case ChatForm::smolvlm:
      return "<end_of_utterance>";
    case ChatForm::llama3:
      return "<|eot_id|>";
    default:
      return "";
  }
}

std::vector<ChatTemplate::Piece> ChatTemplate::pieces(std::span<const ChatLine> lines) const {
  std::vector<Piece> all;
  const auto own = [&](std::string text) { all.push_back({std::move(text), false}); };
  const auto said = [&](const std::string& text) { all.push_back({text, true}); };
  const auto shown = [&](const ChatLine& line, const char* after) {
    for (int i = 0; i < line.pictures; ++i) all.push_back({"", false, true}), own(after);
  };
  const std::string system = !lines.empty() && lines[0].role == ChatRole::system ? lines[0].text : default_system_;
  const std::span<const ChatLine> rest = !lines.empty() && lines[0].role == ChatRole::system ? lines.subspan(1) : lines;

  // A line between a head that names its speaker and a tail.
  const auto framed = [&](std::string_view before, std::string_view after_name, const std::string& tail) {
    const auto line = [&](const ChatLine& each) {
      own(std::string(before) + std::string(name_of(each.role)) + std::string(after_name));
      shown(each, "\n");
      said(each.text);
      own(tail);
    };
    if (!system.empty()) line({ChatRole::system, system});
    for (const ChatLine& each : rest) line(each);
    own(std::string(before) + "assistant" + std::string(after_name));
  };

  switch (form_) {
    case ChatForm::plain:
      if (!system.empty()) said(system + "\n");
      for (const ChatLine& line : rest) shown(line, "\n"), said(line.text);
      break;
    case ChatForm::vicuna:
      if (!system.empty()) said(system), own(" ");
      for (const ChatLine& line : rest) {
        own(line.role == ChatRole::user ? "USER: " : " ASSISTANT: ");
        shown(line, "\n");
        said(line.text);
        if (line.role == ChatRole::assistant) own("</s>");
      }
      own(" ASSISTANT:");
      break;
    case ChatForm::chatml:
      framed("<|im_start|>", "\n", "<|im_end|>\n");
      break;
    case ChatForm::llama3:
      framed("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>");
      break;
    case ChatForm::zephyr:
      framed("<|", "|>\n", "</s>\n");
      break;
    case ChatForm::smolvlm:
      own("<|im_start|>");
      if (!system.empty()) own("System: "), said(system), own("<end_of_utterance>\n");
      for (const ChatLine& line : rest) {
        own(line.role == ChatRole::user ? "User:" : "Assistant:");
        if (line.pictures == 0) own(" ");
        shown(line, "");
        said(line.text);
        own("<end_of_utterance>\n");
      }
      own("Assistant:");
      break;
    case ChatForm::mistral:
      if (!system.empty()) own("<<SYS>>\n"), said(system), own("\n<</SYS>>\n\n");
      for (const ChatLine& line : rest) {
        own(line.role == ChatRole::user ? "[INST] " : " ");
        shown(line, "\n");
        said(line.text);
        own(line.role == ChatRole::user ? " [/INST]" : "</s> ");
      }
      break;
    case ChatForm::llama2:
      for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i].role == ChatRole::user) {
          own(i == 0 ? "[INST] " : "<s>[INST] ");
          if (i == 0 && !system.empty()) own("<<SYS>>\n"), said(system), own("\n<</SYS>>\n\n");
          shown(rest[i], "\n");
          said(rest[i].text);
          own(" [/INST]");
        } else {
          own(" ");
          said(rest[i].text);
          own(" </s>");
        }
      }
      break;
  }
  return all;
}

std::vector<TokenId> ChatTemplate::encode(std::span<const ChatLine> lines, const Tokenizer& tokenizer,
                                          TokenId picture_token) const {
  std::vector<Piece> all = pieces(lines);
  const std::string mark = picture_token < 0 ? "" : tokenizer.token(picture_token);
  if (!mark.empty() && tokenizer.is_special(picture_token)) {
    for (Piece& piece : all) {
      if (piece.picture) piece = {mark};
    }
  }
  // ChatML, its SmolVLM kind and Zephyr write their own beginnings; the others begin as the tokenizer does.
  const bool begins = form_ != ChatForm::chatml && form_ != ChatForm::zephyr && form_ != ChatForm::smolvlm;
  const auto spells_special = [&](const Piece& piece) {
    return piece.said && tokenizer.encode(piece.text, {.add_special_tokens = false, .parse_special = true}) !=
                             tokenizer.encode(piece.text, {.add_special_tokens = false});
  };
  // Where somebody wrote a special token's text, each piece is encoded alone, so that it stays text.
  const bool apart = std::ranges::any_of(all, spells_special);
  std::vector<TokenId> ids;
  bool first = true;
  std::string text;
  const auto flush = [&](bool said) {
    if (text.empty() && !(begins && first)) return;
    const auto more = tokenizer.encode(text, {.add_special_tokens = begins && first, .parse_special = !said});
    ids.insert(ids.end(), more.begin(), more.end());
    first = false;
    text.clear();
  };
  for (const Piece& piece : all) {
    if (piece.picture) {
      flush(false);
      ids.push_back(picture_token);
    }
    text += piece.text;
    if (apart) flush(piece.said);
  }
  flush(false);
  return ids;
}

}  // namespace gaze
