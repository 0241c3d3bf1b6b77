#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/terminal.h"
#include "tasks/match.h"

namespace gaze::cli {
namespace {

int run_tokenize(Invocation& invocation) {
  const std::vector<std::string> texts = texts_of(invocation.arguments, invocation.cancel);
  const ModelEntry entry = choose_model(invocation, "embed");
  const auto encoder = open_model(invocation, entry, kNoTowers);
  const auto all = encode_for(*encoder, texts, invocation.settings.flag("special"));

  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::vector<std::string> tokens;
    for (const TokenId id : all[i]) tokens.push_back(to_valid_utf8(encoder->tokenizer().token(id)));
    if (invocation.json()) {
      list.push_back({{"text", texts[i]}, {"ids", all[i]}, {"tokens", tokens}});
    } else {
      std::string line;
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        line += fmt::format("{}{}:{}", t == 0 ? "" : " ", printable(tokens[t]), all[i][t]);
      }
      invocation.output.line(line);
    }
  }
  if (invocation.json()) invocation.output.document({{"model", entry.name}, {"texts", std::move(list)}});
  return 0;
}

}  // namespace

Command tokenize_command() {
  Command command;
  command.name = "tokenize";
  command.arguments = "TEXT… | -";
  command.summary = message("the tokens that a model reads for a text");
  command.description = message(
      "The ids stand with the model's start and end tokens and are cut to its context. - reads one text a line from "
      "standard input; an empty line is the empty text.");
  command.options = {special_option()};
  command.examples = {{message("gaze tokenize \"a photo of an astronaut\""), message("tokens with their ids")},
                      {"gaze tokenize - --json < captions.txt", message("one text a line, for a program")}};
  command.least_arguments = 1;
  command.run = run_tokenize;
  return command;
}

}  // namespace gaze::cli
