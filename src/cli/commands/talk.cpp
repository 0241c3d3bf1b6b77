#include "cli/commands/talk.h"

#include <algorithm>
#include <type_traits>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "cli/commands/common.h"
#include "tasks/answer_question.h"
#include "tasks/choices.h"
#include "tasks/local_chat.h"
#include "tasks/vision_cache.h"

namespace gaze::cli {
namespace {

constexpr std::int64_t kMostTokens = 1'000'000;

template <class Value>
void take(const Settings& settings, const std::string& name, std::optional<Value>& value) {
  if (!settings.given(name)) return;
  if constexpr (std::is_floating_point_v<Value>) {
    value = settings.real(name);
  } else {
    value = static_cast<Value>(settings.integer(name));
  }
}

// The schema itself, or a file that holds it.
OrderedJson read_schema(const std::string& text_or_file) {
  const bool inline_text = text_or_file.find_first_not_of(" \t\r\n") != std::string::npos &&
                           text_or_file[text_or_file.find_first_not_of(" \t\r\n")] == '{';
  const std::string text = inline_text ? text_or_file : read_text_file(text_or_file, limits().json_file_bytes);
  const std::string origin = inline_text ? "--json-schema" : display(text_or_file);
  if (!parse_json(text, origin).is_object()) {
    throw Error(ErrorCode::invalid_json, message("{}: not a JSON schema", origin),
                message("for example {}", R"({"type":"object","properties":{"animals":{"type":"integer"}}})"));
  }
  return OrderedJson::parse(text);  // its fields in their order
}

// The words of a choice are given: nothing of how words are found applies to them. What stands in a file as everyday
// setting is passed over.
void refuse_beside_choices(const Settings& settings) {
  constexpr std::string_view kOthers[] = {"json-schema", "stop",  "beams", "min-length", "max-tokens",
                                          "temperature", "top-p", "top-k", "seed",       "repetition-penalty"};
  for (const Setting& setting : settings.all()) {
    const std::string& name = setting.option.name;
    if (setting.origin == "command line" && std::ranges::find(kOthers, name) != std::end(kOthers)) {
      throw Error(ErrorCode::usage, message("--choices does not go with --{}", name), message("leave one of them out"));
    }
  }
}

[[noreturn]] void throw_no_model() {
  throw Error(ErrorCode::model_not_found, message("no model that answers questions is installed"),
              message("name a remote one (--model openai:gpt-4o with OPENAI_API_KEY, gemini:gemini-2.5-flash with "
                      "GEMINI_API_KEY, or http://host:8000/v1#name), here or as [ask] model = … in config.toml"));
}

}  // namespace

std::vector<Option> answer_options() {
  Option stop = text("stop", "TEXT", message("the answer ends before this text; may be given several times"));
  stop.repeated = true;
  Option choices = text("choices", "A,B,C|FILE",
                        message("the answer is one of these (FILE: one a line), with the probability of each"));
  choices.names_a_file = true;
  Option schema = text("json-schema", "FILE|TEXT", message("the answer is JSON of this schema"));
  schema.names_a_file = true;
  Option detail = choice("detail", {"auto", "low", "high", "original"},
                         message("how closely a remote model looks at pictures; low is cheap"), "");
  return {integer("max-tokens", "N", message("longest answer; remote models: 500 without it"), "", 1, kMostTokens),
          integer("beams", "N", message("beams of the search; local models"), "", 1, 1000),
          integer("min-length", "N", message("shortest answer in tokens; local models"), "", 0, kMostTokens),
          real("temperature", "X", message("0: the most likely words; higher: more varied"), "", 0, 2),
          real("top-p", "X", message("sample among the likeliest tokens of this probability together"), "", 0, 1),
          integer("top-k", "N", message("sample among this many tokens"), "", 1, kMostTokens),
          integer("seed", "N", message("seed of the sampling"), "", 0),
          real("repetition-penalty", "X", message("above 1: repeat less"), "", 0.01, 100),
          text("system", "TEXT", message("what the model should know or be before the first question")),
          flag("raw-prompt", message("the text is the whole prompt with the model's own tokens; local models")),
          std::move(stop),
          std::move(choices),
          std::move(detail),
          std::move(schema),
          choice("kv-cache", {"auto", "bf16", "int8"},
                 message("how keys and values are kept; int8 takes half the memory, auto takes it only where bf16 does "
                         "not fit; local models"),
                 "auto"),
          file("mmproj", "FILE", message("the GGUF file with the image part of a .gguf model")),
          no_exif_rotation_option()};
}

AnswerOptions answer_options_of(const Settings& settings) {
  AnswerOptions options;
  take(settings, "max-tokens", options.max_tokens);
  take(settings, "beams", options.beams);
  take(settings, "min-length", options.min_length);
  take(settings, "temperature", options.temperature);
  take(settings, "top-p", options.top_p);
  take(settings, "top-k", options.top_k);
  take(settings, "seed", options.seed);
  take(settings, "repetition-penalty", options.repetition_penalty);
  options.system = settings.text("system");
  options.raw_prompt = settings.flag("raw-prompt");
  options.exif_rotation = !settings.flag("no-exif-rotation");
  options.detail = settings.text("detail");
  if (settings.given("json-schema")) options.schema = read_schema(settings.text("json-schema"));
  for (const std::string& stop : settings.texts("stop")) {
    if (stop.empty()) throw Error(ErrorCode::usage, message("--stop needs a text"));
    options.stops.push_back(to_valid_utf8(stop));
  }
  if (settings.given("choices")) options.choices = parse_choices(settings.text("choices"));
  if (!options.choices.empty()) refuse_beside_choices(settings);
  return options;
}

KvCacheType kv_cache_of(const Settings& settings) {
  const std::string kept = settings.text("kv-cache");
  return kept == "int8" ? KvCacheType::int8 : kept == "bf16" ? KvCacheType::bf16 : KvCacheType::automatic;
}

Talk open_talk(const Invocation& invocation, const std::string& name, bool keep_answers) {
  const std::string mmproj = invocation.settings.text("mmproj");
  Talk talk;
  const bool keeps = !invocation.settings.has("no-cache") || !invocation.settings.flag("no-cache");
  LocalChatOptions options{.precision = precision_of(invocation),
                           .kept = kv_cache_of(invocation.settings),
                           .eyes = mmproj,
                           .keeps_beginnings = keeps};
  if (keeps) options.vision_cache = VisionCache::default_folder();
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored) && is_local_chat(name)) {  // a .gguf file
    talk.chat = open_local_chat(name, to_valid_utf8(name), options);
    return talk;
  }
  if (!mmproj.empty() && name == invocation.settings.text("model")) {  // of the one that --route names, nothing is said
    throw Error(ErrorCode::usage, message("{}: only a .gguf file takes another one for its pictures", display(name)),
                message("leave --mmproj out"));
  }
  if (is_remote_model(name)) {
    talk.remote = std::make_unique<RemoteAccess>(name, keep_answers);
    talk.chat = make_remote_chat(talk.remote->model(), talk.remote->care());
    return talk;
  }
  const ModelStore store(invocation.folders.models());
  const ModelEntry entry = name.empty() ? store.best_for("ask") : store.find(name);
  if (is_local_chat(entry.path)) {
    options.eyes = entry.eyes;
    talk.chat = open_local_chat(entry.path, entry.name, options);
    return talk;
  }
  const bool able = std::find(entry.tasks.begin(), entry.tasks.end(), "ask") != entry.tasks.end();
  if (!able && name.empty()) throw_no_model();
  if (!able && entry.fault.empty()) {
    throw Error(ErrorCode::unsupported_model, message("{} cannot answer questions", entry.name),
                message("see what models can do: gaze models"));
  }
  talk.chat = make_answerer_chat(open_picture_answerer(entry, precision_of(invocation)), entry.name);
  return talk;
}

StreamedText::~StreamedText() {
  if (open_line_) output_.line("");
}

void StreamedText::add(std::string_view text) {
  if (text.empty()) return;
  std::string clean(text);
  for (char& c : clean) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F) c = ' ';
  }
  output_.piece(clean);
  open_line_ = clean.back() != '\n';
}

}  // namespace gaze::cli
