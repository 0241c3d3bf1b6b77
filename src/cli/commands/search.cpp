#include <algorithm>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "tasks/remote_match.h"
#include "tasks/rerank.h"
#include "tasks/search_model.h"
#include "tasks/search_pictures.h"
#include "tasks/show_hits.h"
#include "tasks/weights_identity.h"

extern char** environ;

namespace gaze::cli {
namespace {

OrderedJson json_of(const FoundResult& found) {
  OrderedJson object;
  put_path(object, "path", found.path);
  object["score"] = found.score;
  object["relevance"] = found.relevance ? OrderedJson(*found.relevance) : OrderedJson();
  object["width"] = found.facts.width;
  object["height"] = found.facts.height;
  object["taken"] = found.facts.taken.empty() ? OrderedJson() : OrderedJson(found.facts.taken);
  object["caption"] = found.caption.empty() ? OrderedJson() : OrderedJson(found.caption);
  return object;
}

void show_in_terminal(Output& output, const FoundResult& found) {
  try {
    output.line(terminal_picture(found.path));
  } catch (const Error& error) {
    log_warning(error.message());
  }
}

void print(Output& output, const SearchResult& result) {
  const bool pictures = is_terminal(STDOUT_FILENO) && terminal_shows_pictures();
  for (const FoundResult& found : result.results) {
    if (pictures) show_in_terminal(output, found);
    const std::string caption = found.caption.empty() ? "" : "  " + found.caption;
    output.line(fmt::format("{:.4f}  {}{}", found.score, printable(display(found.path)), printable(caption)));
  }
}

// The desktop's viewer, without a shell; it outlives us.
void open_file(const std::filesystem::path& file) {
  std::string program = "xdg-open", name = file.string();
  char* const arguments[] = {program.data(), name.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawnp(&child, "xdg-open", nullptr, nullptr, arguments, environ) != 0) {
    log_warning(message("{}: no program to show it (xdg-open is not installed)", display(file)));
    return;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
}

// The model that was asked for, else the one the library was made with; says so where another would have been taken.
ModelEntry choose_model(const Invocation& invocation, Library& library) {
  const std::string asked = invocation.settings.text("model");
  if (!asked.empty() && !is_remote_model(asked)) return choose_model(invocation, "search");
  const ModelStore store(invocation.folders.models());
  ModelEntry entry = model_for_search(library, store);
  const auto best = store.best_installed_for("search");
  if (best && best->name != entry.name) {
    log_note(message("with {}, which knows most pictures of this library; --model takes another one", entry.name));
  } else if (entry.built_in) {
    log_note(message("with the built-in model {}; --model takes another one", entry.name));
  }
  return entry;
}

// The first hits in the order of a model that looks at picture and text together.
void rerank_hits(const Invocation& invocation, const SearchRequest& request, SearchResult& result) {
  const std::string model = invocation.settings.text("model");
  Progress progress(0, message("pictures"));
  const auto show = [&](std::size_t done, std::size_t total) { progress.show(done, total); };
  if (is_remote_model(model)) {
    const RemoteAccess access(model, true, std::min<std::size_t>(result.results.size(), kReranked));
    rerank_remotely(access, *request.text, result.results, invocation.cancel, show);
  } else {
    const ModelEntry entry = reranking_model(ModelStore(invocation.folders.models()));
    const auto matcher = open_picture_matcher(entry, precision_of(invocation));
    rerank(*matcher, *request.text, picture_options(invocation.settings), result.results, invocation.cancel, show);
  }
  const auto wanted = static_cast<std::size_t>(invocation.settings.integer("top"));
  if (result.results.size() > wanted) result.results.resize(wanted);
}

int run_search(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  SearchRequest request{.top_k = settings.integer("top")};
  if (!invocation.arguments.empty()) request.text = invocation.arguments[0];
  if (settings.given("image")) request.image = settings.text("image");
  if (request.text.has_value() == request.image.has_value()) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", "search", "gaze search TEXT | --image FILE"),
                message("see: gaze {} --help", "search"));
  }
  const bool remote = is_remote_model(settings.text("model"));
  if (remote && !settings.flag("rerank")) {
    throw Error(ErrorCode::usage, message("a remote model does not search; it orders what was found, with --rerank"),
                message("see: gaze {} --help", "search"));
  }
  if (settings.flag("dry-run") && !(remote && settings.flag("rerank"))) {
    throw Error(ErrorCode::usage, message("--dry-run shows what would leave the machine, and nothing would"),
                message("name a remote model with --rerank, or leave --dry-run out"));
  }
  if (settings.flag("rerank")) {
    if (!request.text) {
      throw Error(ErrorCode::usage, message("--rerank goes with words, not with a picture"),
                  message("see: gaze {} --help", "search"));
    }
    if (!remote) reranking_model(ModelStore(invocation.folders.models()));  // said before the search if there is none
    request.top_k = std::max(request.top_k, kReranked);
  }
  Library library = Library::open(library_path(invocation));
  const ModelEntry entry = choose_model(invocation, library);
  const auto encoder =
      open_model(invocation, entry, {.image_tower = request.image.has_value(), .text_tower = request.text.has_value()});
  request.decode = decode_options(encoder->image_processor(), picture_options(settings));
  PictureSearcher searcher(library, *encoder, {entry.name, weights_identity(entry.path)});
  SearchResult result = searcher.search(request);
  invocation.cancel.check();
  if (settings.flag("dry-run")) {
    const std::vector<std::string> pictures = paths_to_rerank(result.results);
    const RemoteAccess access(settings.text("model"), true, pictures.size());
    print_request(invocation.output, describe_rating(access, pictures, *request.text));
    return 0;
  }
  if (settings.flag("rerank")) rerank_hits(invocation, request, result);
  if (result.missing > 0) log_note(message("{} pictures are gone since they were indexed", result.missing));

  const std::string query = request.text ? *request.text : display(*request.image);
  const std::filesystem::path sheet = settings.text("sheet");
  if (!sheet.empty()) {
    write_hit_sheet(sheet, query, result.results);
    log_note(message("contact sheet: {}", display(sheet)));
  }
  if (settings.flag("open")) {
    if (!sheet.empty()) open_file(sheet);
    if (sheet.empty() && !result.results.empty()) open_file(result.results.front().path);
  }

  if (!invocation.json()) {
    print(invocation.output, result);
    return 0;
  }
  OrderedJson document{{"model", entry.name}, {"query", query}, {"results", OrderedJson::array()}};
  for (const FoundResult& found : result.results) document["results"].push_back(json_of(found));
  document["cutoff"] = nullptr;
  document["nearest"] = OrderedJson::array();
  invocation.output.document(document);
  return 0;
}

}  // namespace

Command search_command() {
  Command command;
  command.name = "search";
  command.arguments = "[TEXT]";
  command.summary = message("find indexed pictures by words or by another picture");
  command.description = message(
      "Describe what the picture shows, in Chinese or English. The score is the cosine of the two vectors, raised "
      "where "
      "a caption of the picture (gaze caption) has the words: the order counts, not the height.");
  command.options = {
      file("image", "FILE", message("search by this picture instead of words")),
      integer("top", "K", message("how many pictures"), "5", 1),
      file("sheet", "OUT.png", message("draw the hits as a contact sheet")),
      flag("rerank", message("order the first 50 by an installed image-text matching model, or by the remote --model")),
      dry_run_option(),
      flag("open", message("show the sheet, or else the best hit, in the desktop's viewer")),
      decode_option(),
      no_exif_rotation_option()};
  command.examples = {{"gaze search \"海滩上的日落\"", message("by words")},
                      {"gaze search \"a dog catching a frisbee\" --top 20 --sheet hits.png",
                       message("the best twenty, as one picture")},
                      {"gaze search --image photo.jpg", message("pictures like this one")},
                      {"gaze search \"a red bicycle\" --rerank --model openai:gpt-4o",
                       message("fifty hits are sent to OpenAI, which says which fit")}};
  command.most_arguments = 1;
  command.run = run_search;
  return command;
}

}  // namespace gaze::cli
