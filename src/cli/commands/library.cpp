#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/terminal.h"
#include "tasks/picture_walk.h"  // and the library

namespace gaze::cli {
namespace {

void put_stats(Invocation& invocation, Library& library) {
  const LibraryStats stats = library.stats();
  if (invocation.json()) {
    OrderedJson document;
    put_path(document, "path", stats.path);
    document["bytes"] = stats.bytes;
    document["pictures"] = stats.pictures;
    document["vectors"] = OrderedJson::object();
    for (const auto& [model, count] : stats.vectors) document["vectors"][model] = count;
    invocation.output.document(document);
    return;
  }
  invocation.output.line(message("{}: {} pictures, {:.1f} MiB", display(stats.path), stats.pictures,
                                 static_cast<double>(stats.bytes) / (1 << 20)));
  for (const auto& [model, count] : stats.vectors) {
    invocation.output.line(message("  {}: {} vectors", printable(model), count));
  }
}

void put_list(Invocation& invocation, Library& library) {
  OrderedJson list = OrderedJson::array();
  for (const ListedPicture& picture : library.list()) {
    const std::filesystem::path path = shown_path(picture.path, picture.given);
    if (invocation.json()) {
      OrderedJson object;
      put_path(object, "path", path);
      object["models"] = picture.models;
      list.push_back(std::move(object));
    } else {
      invocation.output.line(printable(display(path)));
    }
  }
  if (invocation.json()) invocation.output.document({{"pictures", std::move(list)}});
}

int run_library(Invocation& invocation) {
  const std::string what = invocation.arguments.empty() ? "stats" : invocation.arguments[0];
  if (what != "stats" && what != "list" && what != "check" && what != "prune") {
    throw Error(ErrorCode::usage, message("library cannot {}", to_valid_utf8(what)),
                message("see: gaze {} --help", "library"));
  }
  Library library = Library::open(library_path(invocation));
  if (what == "list") {
    put_list(invocation, library);
    return 0;
  }
  if (what == "check") library.check(invocation.cancel);
  if (what == "prune") library.prune(invocation.cancel);
  put_stats(invocation, library);
  return 0;
}

}  // namespace

Command library_command() {
  Command command;
  command.name = "library";
  command.arguments = "[stats|list|check|prune]";
  command.summary = message("what the library holds, and whether it is whole");
  command.description = message(
      "stats: how many pictures and vectors; list: every picture; check: read all of it; prune: forget pictures whose "
      "files are gone.");
  command.words = {"stats", "list", "check", "prune"};
  command.examples = {{"gaze library", message("how much it holds")},
                      {"gaze library check", message("after a crash or a full disk, to be sure")}};
  command.most_arguments = 1;
  command.run = run_library;
  return command;
}

}  // namespace gaze::cli
