#include "tasks/caption.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "tasks/asked_caption.h"
#include "tasks/describe_files.h"
#include "tasks/local_chat.h"
#include "tasks/remote_access.h"
#include "tasks/remote_caption.h"
#include "tasks/remote_chat.h"
#include "tasks/vision_cache.h"
#include "tasks/weights_identity.h"

namespace gaze::cli {
namespace {

// The model's own settings, changed where the user set something.
GenerationConfig generation_of(const Settings& settings, GenerationConfig config) {
  const auto set = [&](const char* name, int& value) {
    if (settings.given(name)) value = static_cast<int>(settings.integer(name));
  };
  set("beams", config.num_beams);
  set("max-length", config.max_length);
  set("min-length", config.min_length);
  set("no-repeat-ngram", config.no_repeat_ngram_size);
  set("n-best", config.num_return_sequences);
  if (settings.given("length-penalty")) config.length_penalty = static_cast<float>(settings.real("length-penalty"));
  if (settings.given("repetition-penalty")) {
    config.repetition_penalty = static_cast<float>(settings.real("repetition-penalty"));
  }
  if (settings.given("early-stopping")) {
    const std::string stop = settings.text("early-stopping");
    config.early_stopping = stop == "never"  ? EarlyStopping::never
                            : stop == "true" ? EarlyStopping::yes
                                             : EarlyStopping::no;
  }
  return config;
}

// As asked for; else the user's own, where the model has a choice.
std::string language_of(const Settings& settings, const Captioner* captioner) {
  if (settings.given("language")) return settings.text("language");
  if (captioner && captioner->info().languages.empty()) return {};
  return language() == Language::chinese ? "zh" : "en";
}

std::string change_word(const DescribedFile& file, bool dry_run) {
  switch (file.result.change) {
    case DescriptionChange::written:
      return dry_run ? message("would be written") : message("written");
    case DescriptionChange::unchanged:
      return message("unchanged");
    case DescriptionChange::kept:
      return message("kept, a person's text");
  }
  return {};
}

const char* change_code(DescriptionChange change) {
  return change == DescriptionChange::written ? "written" : change == DescriptionChange::kept ? "kept" : "unchanged";
}

OrderedJson json_of(const DescribedFile& file) {
  OrderedJson object;
  put_path(object, "image", file.image);
  object["change"] = change_code(file.result.change);
  put_path(object, "file", file.result.file);
  object["before"] = file.result.before;
  return object;
}

// Below this mean log-probability of a word's tokens a caption is a guess (docs/remote-models.md).
constexpr float kSureScore = -1;

bool is_unsure(const CaptionedPicture& picture) {
  return picture.candidates.front().score < kSureScore;  // not where it is not a number: nobody knows
}

std::vector<std::filesystem::path> unsure_captions(const CaptionResult& result) {
  std::vector<std::filesystem::path> unsure;
  for (const CaptionedPicture& picture : result.captions) {
    if (is_unsure(picture)) unsure.push_back(picture.image);
  }
  return unsure;
}

// Puts the captions of `other` in the place of those of the same pictures; what it failed at keeps what it had.
// Returns the pictures that have another caption now.
std::set<std::filesystem::path> take_over(CaptionResult& result, CaptionResult other) {
  std::set<std::filesystem::path> taken;
  for (const FailedInput& failed : other.failed) log_warning(failed.message);
  for (CaptionedPicture& caption : other.captions) {
    const auto place = std::ranges::find(result.captions, caption.image, &CaptionedPicture::image);
    if (place == result.captions.end()) continue;
    taken.insert(caption.image);
    *place = std::move(caption);
  }
  return taken;
}

OrderedJson json_of(const CaptionedPicture& picture) {
  const CaptionCandidate& best = picture.candidates.front();
  OrderedJson object;
  put_path(object, "image", picture.image);
  object["text"] = best.text;
  object["score"] = best.score;
  object["ids"] = best.ids;
  object["candidates"] = OrderedJson::array();
  for (const CaptionCandidate& one : picture.candidates) {
    object["candidates"].push_back({{"text", one.text}, {"score", one.score}, {"ids", one.ids}});
  }
  return object;
}

void print(Output& output, const CaptionedPicture& picture, bool alone) {
  const std::string name = alone ? "" : printable(display(picture.image));
  if (picture.candidates.size() == 1) {
    output.line((alone ? "" : name + ": ") + printable(picture.candidates.front().text));
  } else {
    if (!alone) output.line(name);
    for (const CaptionCandidate& one : picture.candidates) {
      output.line(fmt::format("{}{:8.4f}  {}", alone ? "" : "  ", one.score, printable(one.text)));
    }
  }
  output.flush();
}

void print(Output& output, const DescribedFiles& described, bool dry_run) {
  for (const DescribedFile& file : described.files) {
    if (file.result.change == DescriptionChange::unchanged) continue;
    const std::string before = file.result.before.empty() ? "" : " (" + printable(file.result.before) + ")";
    output.line(printable(display(file.result.file)) + ": " + change_word(file, dry_run) + before);
  }
}

DescriptionOptions description_options(const Settings& settings) {
  return {.force = settings.flag("force"), .dry_run = settings.flag("dry-run")};
}

// --undo: no model is needed.
int run_undo(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  Library library = Library::create(library_path(invocation));
  const std::vector<std::filesystem::path> named(invocation.arguments.begin(), invocation.arguments.end());
  Progress progress(0, message("pictures"));
  const DescribedFiles undone =
      undo_captions(library, named, settings.flag("follow-links"), description_options(settings), invocation.cancel,
                    [&](std::size_t done, std::size_t total) { progress.show(done, total); });
  progress.clear();
  if (invocation.json()) {
    OrderedJson list = OrderedJson::array();
    for (const DescribedFile& file : undone.files) list.push_back(json_of(file));
    invocation.output.document({{"undone", std::move(list)}, {"failed", failed_json(undone.failed)}});
  } else {
    print(invocation.output, undone, settings.flag("dry-run"));
  }
  warn_of_failed(undone.failed);
  return status_for(undone.failed);
}

[[noreturn]] void refuse(const std::string& text) {
  throw Error(ErrorCode::usage, text, message("see: gaze {} --help", "caption"));
}

void check_options(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  for (const std::string name : {"dry-run", "undo", "force"}) {
    const bool asks = is_remote_model(settings.text("model")) || !settings.text("route").empty();
    const bool of_request = name == "dry-run" && asks;
    if (settings.flag(name) && !settings.flag("write-xmp") && !of_request) {
      refuse(message("--{} goes with --write-xmp", name));
    }
  }
  if (settings.given("prompt") && settings.text("prompt").find_first_not_of(" \t\r\n") == std::string::npos) {
    refuse(message("the prompt is empty"));
  }
  if (settings.given("max-length") && settings.given("max-new-tokens")) {
    refuse(message("--max-length and --max-new-tokens say the same thing twice: give one of them"));
  }
  if (!settings.text("show").empty() && invocation.arguments.size() != 1) {
    refuse(message("--show takes one picture"));
  }
}

// A language model with eyes on this machine: it is asked.
bool is_chat(const ModelEntry& entry) {
  return std::find(entry.tasks.begin(), entry.tasks.end(), "ask") != entry.tasks.end() && is_local_chat(entry.path);
}

AnswerOptions answer_options_of_caption(const Settings& settings) {
  for (const char* name :
       {"max-length", "min-length", "length-penalty", "no-repeat-ngram", "early-stopping", "n-best"}) {
    if (settings.given(name)) refuse(message("chat models know no {} here", "--" + std::string(name)));
  }
  AnswerOptions options{.exif_rotation = !settings.flag("no-exif-rotation")};
  if (settings.given("beams")) options.beams = static_cast<int>(settings.integer("beams"));
  if (settings.given("repetition-penalty")) options.repetition_penalty = settings.real("repetition-penalty");
  if (settings.given("max-new-tokens")) options.max_tokens = static_cast<int>(settings.integer("max-new-tokens"));
  return options;
}

// Services search for words in their own way.
void refuse_local_options(const Settings& settings) {
  for (const char* name : {"beams", "max-length", "min-length", "length-penalty", "repetition-penalty",
                           "no-repeat-ngram", "early-stopping", "n-best"}) {
    if (settings.given(name)) refuse(message("remote models know no {}", "--" + std::string(name)));
  }
}

// By a model on this machine, whose name is returned. `routed`: captions that are not sure are told later.
std::string caption_here(const Invocation& invocation, Library& library,
                         const std::vector<std::filesystem::path>& named, const Bytes& standard_input,
                         CaptionOptions options, bool routed, CaptionResult& result) {
  const Settings& settings = invocation.settings;
  const ModelEntry entry = choose_model(invocation, "caption");
  const ModelKey key{entry.name, weights_identity(entry.path)};
  if (routed && options.on_caption) {
    options.on_caption = [tell = options.on_caption](const CaptionedPicture& picture) {
      if (!is_unsure(picture)) tell(picture);
    };
  }
  if (is_chat(entry)) {
    const AnswerOptions answer = answer_options_of_caption(settings);
    options.language = language_of(settings, nullptr);
    const auto chat = open_local_chat(
        entry.path, entry.name,
        {.precision = precision_of(invocation), .eyes = entry.eyes, .vision_cache = VisionCache::default_folder()});
    result = caption_by_asking(library, *chat, key, named, options, answer, invocation.cancel);
  } else {
    const auto captioner = open_captioner(entry, precision_of(invocation));
    options.language = language_of(settings, captioner.get());
    options.generation = generation_of(settings, captioner->generation_defaults(options.language));
    result = caption_pictures(library, *captioner, key, named, standard_input, options, invocation.cancel);
  }
  return entry.name;
}

int run_caption(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  check_options(invocation);
  if (settings.flag("undo")) return run_undo(invocation);

  const std::string model = settings.text("model"), route = route_of(settings);
  const bool remote = is_remote_model(model);
  if (remote) refuse_local_options(settings);
  CaptionOptions options{.prompt = settings.text("prompt"),
                         .pictures = picture_options(settings),
                         .follow_links = settings.flag("follow-links")};
  if (settings.given("max-new-tokens")) options.max_new_tokens = static_cast<int>(settings.integer("max-new-tokens"));
  Bytes standard_input;
  const auto named = pictures_of(invocation.arguments, standard_input, invocation.cancel);
  if (settings.flag("dry-run") && !settings.flag("write-xmp")) {
    options.language = language_of(settings, nullptr);
    const std::string& asked = remote ? model : route;
    print_request(invocation.output, describe_captions(asked, named, standard_input, options, invocation.cancel));
    return 0;
  }
  const bool alone = named.size() == 1 && !std::filesystem::is_directory(named.front());
  Progress progress(0, message("pictures"));
  const auto show_progress = [&](std::size_t done, std::size_t total) { progress.show(done, total); };
  options.progress = show_progress;
  if (!invocation.json()) {
    options.on_caption = [&](const CaptionedPicture& picture) {
      progress.clear();
      print(invocation.output, picture, alone);
    };
  }
  Library library = Library::create(library_path(invocation));
  const auto caption_there = [&](const std::string& name, std::span<const std::filesystem::path> pictures) {
    options.language = language_of(settings, nullptr);
    return caption_remotely(library, name, pictures, standard_input, options, invocation.cancel);
  };
  std::string name = model;
  std::set<std::filesystem::path> routed;  // pictures that the remote model described
  CaptionResult result;
  if (remote) {
    result = caption_there(model, named);
  } else {
    try {
      name = caption_here(invocation, library, named, standard_input, options, !route.empty(), result);
    } catch (const Error& error) {
      if (route.empty() || !helps_to_ask_elsewhere(error)) throw;
      log_note(message("{}; {} is asked", error.message(), route));
      name = route;
      result = caption_there(route, named);
    }
    if (name != route && !route.empty()) {
      const std::vector<std::filesystem::path> unsure = unsure_captions(result);
      if (!unsure.empty()) {
        progress.clear();
        log_note(message("{} is not sure of {} pictures; {} is asked", name, unsure.size(), route));
        try {
          routed = take_over(result, caption_there(route, unsure));
        } catch (const Error& error) {  // a guess is better than nothing
          if (error.code() == ErrorCode::cancelled) throw;
          log_warning(error.message());
        }
        for (const CaptionedPicture& picture : result.captions) {  // where the other one failed
          if (is_unsure(picture) && options.on_caption) options.on_caption(picture);
        }
      }
    }
  }
  progress.clear();
  if (result.reused > 0) log_detail(message("{} captions were in the library", result.reused));

  std::vector<FailedInput> failed = result.failed;
  DescribedFiles described;
  if (settings.flag("write-xmp")) {
    described =
        write_captions(library, result.captions, description_options(settings), invocation.cancel, show_progress);
    progress.clear();
    failed.insert(failed.end(), described.failed.begin(), described.failed.end());
    if (!invocation.json()) print(invocation.output, described, settings.flag("dry-run"));
  }
  if (const std::string output = settings.text("show"); !output.empty() && !result.captions.empty()) {
    if (result.captions.size() > 1) refuse(message("--show takes one picture"));
    draw_caption(output, result.captions.front(), standard_input, options.pictures);
  }

  warn_of_failed(failed);
  if (invocation.json()) {
    OrderedJson document{{"model", name}, {"captions", OrderedJson::array()}};
    for (const CaptionedPicture& picture : result.captions) {
      document["captions"].push_back(json_of(picture));
      if (routed.contains(picture.image)) document["captions"].back()["model"] = route;
    }
    if (settings.flag("write-xmp")) {
      document["xmp"] = OrderedJson::array();
      for (const DescribedFile& file : described.files) document["xmp"].push_back(json_of(file));
    }
    document["failed"] = failed_json(failed);
    invocation.output.document(document);
  }
  return status_for(failed);
}

}  // namespace

Command caption_command() {
  Command command;
  command.name = "caption";
  command.arguments = "IMAGE…|FOLDER";
  command.summary = message("say what is in pictures");
  command.description = message(
      "The built-in model speaks English and Chinese, in the language of your environment. Folders are read with all "
      "below them. Captions stay in the library: the next run takes up where one was stopped, and `gaze search` finds "
      "pictures by them. A line on a picture is a guess: read it before you rely on it.");
  command.options = {
      integer("beams", "N", message("sentences followed at a time; default 5, 1 is fastest"), "", 1, 64),
      integer("max-length", "N", message("longest caption in tokens, start and prompt counted; default 30"), "", 1,
              1 << 20),
      integer("min-length", "N", message("shortest caption in tokens, start and prompt counted"), "", 0, 1 << 20),
      integer("max-new-tokens", "N", message("longest caption in tokens, without start and prompt"), "", 1, 1 << 20),
      real("length-penalty", "X", message("above 0: longer captions, below 0: shorter ones"), "", -100, 100),
      real("repetition-penalty", "X", message("above 1: words already said become unlikelier"), "", 0.01, 100),
      integer("no-repeat-ngram", "N", message("no N tokens come twice in the same order"), "", 0, 1 << 20),
      choice("early-stopping", {"true", "false", "never"}, message("when beam search ends, as in the reference"), ""),
      integer("n-best", "N", message("the N best captions with their scores; at most as many as beams"), "", 1, 64),
      text("prompt", "TEXT",
           message("what the caption begins with (BLIP), or what to ask a chat model or a remote one")),
      choice("language", {"en", "zh"}, message("language of the caption; default: your environment's"), ""),
      file("show", "OUT.png", message("draw the picture with its caption under it")),
      route_option(),
      flag("write-xmp", message("write the captions into the files (dc:description), never over a person's text")),
      flag("dry-run",
           message("with --write-xmp: say what would be written and touch nothing; with a remote model: show what "
                   "would be sent about the first picture and send nothing")),
      flag("undo", message("with --write-xmp: take back what gaze wrote")),
      flag("force", message("with --write-xmp: also over texts that a person wrote; --undo brings them back")),
      flag("follow-links", message("follow symbolic links to folders")),
      decode_option(),
      no_exif_rotation_option()};
  command.examples = {
      {message("gaze caption photo.jpg"), message("one sentence")},
      {message("gaze caption photo.jpg --language zh --show captioned.png"),
       message("in Chinese, drawn under the picture")},
      {"gaze caption ~/Pictures --write-xmp --dry-run", message("what would be written into the files")},
      {message("gaze caption photo.jpg --model Salesforce/blip-image-captioning-base --prompt \"a photo of\""),
       message("with an installed BLIP, which continues a beginning")},
      {"gaze caption photo.jpg --model llava-hf/llava-1.5-7b-hf --language zh",
       message("by a chat model, which is asked for a sentence")},
      {message("gaze caption photo.jpg --model openai:gpt-4o"),
       message("with a remote model: see `gaze ask --help` for what leaves the machine")},
      {message("gaze caption ~/Pictures --route openai:gpt-4o"),
       message("here; only pictures that the model here is not sure of are sent")}};
  command.least_arguments = 1;
  command.run = run_caption;
  return command;
}

}  // namespace gaze::cli
