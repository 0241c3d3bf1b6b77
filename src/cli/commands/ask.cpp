#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/commands/talk.h"
#include "cli/shares.h"
#include "cli/terminal.h"

namespace gaze::cli {
namespace {

ChatTurn turn_of(const std::vector<std::string>& arguments, bool needs_question) {
  ChatTurn turn{{arguments.begin(), arguments.end() - 1}, arguments.back()};
  std::error_code ignored;
  if (!needs_question) {
    if (std::filesystem::is_regular_file(turn.text, ignored)) turn.inputs.push_back(std::exchange(turn.text, {}));
    turn.text = to_valid_utf8(turn.text);
    return turn;
  }
  if (turn.inputs.empty() && std::filesystem::is_regular_file(turn.text, ignored)) {
    throw Error(ErrorCode::usage, message("{} is a file, and the question is missing", display(turn.text)),
                message("see: gaze {} --help", "ask"));
  }
  const bool blank = turn.text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (blank) throw Error(ErrorCode::usage, message("the question is empty"), message("see: gaze {} --help", "ask"));
  turn.text = to_valid_utf8(turn.text);
  return turn;
}

OrderedJson json_of(const std::string& model, const VisualAnswer& answer) {
  const double seconds = answer.decode_ms / 1000;
  OrderedJson document{{"model", model}, {"answer", answer.text}, {"ids", answer.ids}};
  document["finish_reason"] = answer.finish_reason;
  document["usage"] = {{"prompt_tokens", answer.prompt_tokens},
                       {"completion_tokens", answer.completion_tokens},
                       {"image_tokens", answer.image_tokens}};
  document["timings"] = {
      {"vision_ms", answer.vision_ms},
      {"prefill_ms", answer.prefill_ms},
      {"decode_ms", answer.decode_ms},
      {"tokens_per_second", seconds > 0 ? static_cast<double>(answer.completion_tokens) / seconds : 0}};
  if (!answer.choices.empty()) document["choices"] = OrderedJson::array();
  for (const ScoredChoice& each : answer.choices) {
    document["choices"].push_back(
        {{"text", each.text}, {"probability", each.probability}, {"log_probability", each.log_probability}});
  }
  return document;
}

// People see the likeliest first; of a service that does not say how sure it is, its answer.
void print_choices(Output& output, const VisualAnswer& answer) {
  if (std::isnan(answer.choices.front().probability)) return output.line(printable(answer.text));
  std::vector<ScoredChoice> sorted = answer.choices;
  std::ranges::stable_sort(sorted, std::greater(), &ScoredChoice::log_probability);
  std::vector<Share> shares;
  for (const ScoredChoice& each : sorted) shares.push_back({each.text, each.probability});
  print_shares(output, shares);
}

int dry_run(Invocation& invocation, const std::string& name, const ChatTurn& turn, const AnswerOptions& options) {
  const Talk talk = open_talk(invocation, name, false);
  if (!talk.remote) {
    throw Error(ErrorCode::usage,
                message("--dry-run shows what would leave the machine; {} is here", talk.chat->model()),
                message("leave --dry-run out"));
  }
  const RemoteModel& model = talk.remote->model();
  ChatRequest request = make_request(options);
  request.messages = {make_message(model, turn, options.detail, invocation.cancel)};
  print_request(invocation.output, describe_request(model, request, !invocation.json()));
  log_note(departure_text(departure_of(model, request, &talk.remote->account())));
  return 0;
}

int answer_with(Invocation& invocation, const std::string& name, const ChatTurn& turn, const AnswerOptions& options) {
  const Talk talk = open_talk(invocation, name, !invocation.settings.flag("no-cache"));
  VisualAnswer answer;
  if (invocation.json()) {
    answer = talk.chat->ask(turn, options, invocation.cancel, {});
    invocation.output.document(json_of(talk.chat->model(), answer));
  } else if (!options.choices.empty()) {
    answer = talk.chat->ask(turn, options, invocation.cancel, {});
    print_choices(invocation.output, answer);
  } else {
    StreamedText screen(invocation.output);
    answer = talk.chat->ask(turn, options, invocation.cancel, [&](std::string_view text) { screen.add(text); });
  }
  if (answer.finish_reason == "length")
    log_note(message("the answer is cut off at {} tokens (--max-tokens)", answer.completion_tokens));
  if (answer.finish_reason == "content_filter")
    log_warning(message("the service withheld an answer, or the rest of it, by its safety rules"));
  return 0;
}

int run_ask(Invocation& invocation) {
  const std::string model = invocation.settings.text("model"), route = route_of(invocation.settings);
  const bool transcribes = is_remote_model(model) && writes_down_speech(parse_model_spec(model));
  const ChatTurn turn = turn_of(invocation.arguments, !transcribes);
  AnswerOptions options = answer_options_of(invocation.settings);
  options.explain = invocation.settings.text("explain");
  const bool piped = std::find(turn.inputs.begin(), turn.inputs.end(), "-") != turn.inputs.end();
  const bool routed = !route.empty() && !is_remote_model(model) && !piped;  // a pipe cannot be read twice
  if (invocation.settings.flag("dry-run")) return dry_run(invocation, routed ? route : model, turn, options);
  try {
    return answer_with(invocation, model, turn, options);
  } catch (const Error& error) {
    if (!routed || !helps_to_ask_elsewhere(error)) throw;
    log_note(message("{}; {} is asked", error.message(), route));
  }
  return answer_with(invocation, route, turn, options);
}

}  // namespace

Command ask_command() {
  Command command;
  command.name = "ask";
  command.arguments = "[IMAGE…] QUESTION";
  command.summary = message("ask a question about pictures");
  command.description = message(
      "IMAGE is a file, - for standard input, or a web address that a remote service fetches itself; Gemini also takes "
      "sound, video and PDF. OpenAI's gpt-4o-transcribe and whisper-1 write down what is said in a sound file; the "
      "question is then a hint (names, the language) and may be missing. Before a picture leaves this machine it is "
      "turned upright, made smaller where the service would do so anyway, and loses its metadata. What leaves is said "
      "on standard error, with its cost where prices.json has the price; --dry-run shows it whole and sends nothing. "
      "Answers are kept: the same question is not paid for twice.");
  command.options = answer_options();
  command.options.push_back(
      file("explain", "OUT.png", message("draw over the pictures which parts the answer looked at; local models")));
  command.options.push_back(route_option());
  command.options.push_back(dry_run_option());
  command.options.push_back(no_cache_option());
  command.examples = {
      {"gaze ask photo.jpg \"这张图片里有什么？详细描述一下。\" --model openai:gpt-4o",
       message("with OpenAI; the key is in OPENAI_API_KEY")},
      {message("gaze ask a.jpg b.jpg \"What is different?\" --model gemini:gemini-2.5-flash"),
       message("two pictures, with Gemini")},
      {"gaze ask talk.mp3 --model openai:gpt-4o-transcribe", message("what is said in a recording")},
      {message("gaze ask photo.jpg \"How many people?\" --model http://localhost:8000/v1#qwen2.5-vl --json"),
       message("with your own server (vLLM, Ollama, LM Studio …), for a program")},
      {message("gaze ask photo.jpg \"What is this?\" --model openai:gpt-4o --dry-run"),
       message("only show what would be sent")},
      {message("gaze ask photo.jpg \"Is there a dog? Answer yes or no.\" --choices yes,no"),
       message("one of these words, and how sure the model is")},
      {"gaze ask photo.jpg \"Count the animals.\" --json-schema "
       "'{\"type\":\"object\",\"properties\":{\"animals\":{\"type\":\"integer\"}},\"required\":[\"animals\"]}'",
       message("an answer that programs can read")},
      {message("gaze ask photo.jpg \"What is on the table?\" --explain looked.png"),
       message("with a picture of where the answer looked: attention, a hint and no proof")},
      {message("gaze ask photo.jpg \"How many dogs?\" --route openai:gpt-4o"),
       message("by the installed model; only where it cannot answer, OpenAI is asked")}};
  command.least_arguments = 1;
  command.run = run_ask;
  return command;
}

}  // namespace gaze::cli
