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
  const std::string system = !lines.empty() && lines[0].role == ChatRole::system ? lines[0].text : default_system_;
  const std::span<const ChatLine> rest = !lines.empty() && lines[0].role == ChatRole::system ? lines.subspan(1) : lines;

  // A line between a head that names its speaker and a tail.
  const auto framed = [&](std::string_view before, std::string_view after_name, const std::string& tail) {
    const auto line = [&](ChatRole role, const std::string& text) {
      own(std::string(before) + std::string(name_of(role)) + std::string(after_name));
      said(text);
      own(tail);
    };
    if (!system.empty()) line(ChatRole::system, system);
    for (const ChatLine& each : rest) line(each.role, each.text);
    own(std::string(before) + "assistant" + std::string(after_name));
  };

  switch (form_) {
    case ChatForm::plain:
      if (!system.empty()) said(system + "\n");
      for (const ChatLine& line : rest) said(line.text);
      break;
    case ChatForm::vicuna:
      if (!system.empty()) said(system), own(" ");
      for (const ChatLine& line : rest) {
        own(line.role == ChatRole::user ? "USER: " : " ASSISTANT: ");
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
    case ChatForm::llama2:
      for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i].role == ChatRole::user) {
          own(i == 0 ? "[INST] " : "<s>[INST] ");
          if (i == 0 && !system.empty()) own("<<SYS>>\n"), said(system), own("\n<</SYS>>\n\n");
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

std::vector<TokenId> ChatTemplate::encode(std::span<const ChatLine> lines, const Tokenizer& tokenizer) const {
  const std::vector<Piece> all = pieces(lines);
  // ChatML and Zephyr write their own beginnings; the others begin as the tokenizer does.
  const bool begins = form_ != ChatForm::chatml && form_ != ChatForm::zephyr;
  const auto spells_special = [&](const Piece& piece) {
    return piece.said && tokenizer.encode(piece.text, {.add_special_tokens = false, .parse_special = true}) !=
                             tokenizer.encode(piece.text, {.add_special_tokens = false});
  };
  if (std::ranges::none_of(all, spells_special)) {
    std::string whole;
    for (const Piece& piece : all) whole += piece.text;
    return tokenizer.encode(whole, {.add_special_tokens = begins, .parse_special = true});
  }
  // Somebody wrote a special token's text: piece by piece, so that it stays text.
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto more =
        tokenizer.encode(all[i].text, {.add_special_tokens = begins && i == 0, .parse_special = !all[i].said});
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

}  // namespace gaze
