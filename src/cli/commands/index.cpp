#include <ctime>
#include <functional>
#include <optional>
#include <set>

#include <fmt/chrono.h>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/progress.h"
#include "tasks/folder_watch.h"
#include "tasks/index_pictures.h"
#include "tasks/weights_identity.h"

namespace gaze::cli {
namespace {

void print(Output& output, const IndexResult& result, const Library& library) {
  output.line(message("{} added, {} updated, {} unchanged, {} removed, {} skipped, {} failed", result.added,
                      result.updated, result.unchanged, result.removed, result.skipped, result.failed.size()));
  if (result.added + result.updated == 0) return;
  output.line(message("{} ({:.1f} pictures a second) into {}", duration(result.seconds), result.images_per_second,
                      display(library.path())));
}

void put(Output& output, const std::string& model, const IndexResult& result) {
  output.document({{"model", model},
                   {"added", result.added},
                   {"updated", result.updated},
                   {"unchanged", result.unchanged},
                   {"removed", result.removed},
                   {"skipped", result.skipped},
                   {"failed", failed_json(result.failed)},
                   {"seconds", result.seconds},
                   {"images_per_second", result.images_per_second}});
}

// Warns of what failed now and did not before.
void warn_of_new(const IndexResult& now, const IndexResult& before) {
  std::set<std::string> known;
  for (const FailedInput& failed : before.failed) known.insert(failed.message);
  for (const FailedInput& failed : now.failed) {
    if (!known.contains(failed.message)) log_warning(failed.message);
  }
}

// `all` becomes the result of both: what failed or was skipped is so as of now.
void add_to(IndexResult& all, IndexResult now) {
  all.added += now.added;
  all.updated += now.updated;
  all.removed += now.removed;
  all.skipped = now.skipped;
  all.failed = std::move(now.failed);
  all.seconds += now.seconds;
  if (all.seconds > 0) all.images_per_second = static_cast<double>(all.added + all.updated) / all.seconds;
}

// Another program that writes to the library is waited for: who watches has time.
IndexResult index_patiently(const std::function<IndexResult()>& index) {
  while (true) {
    try {
      return index();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::library_locked) throw;
      log_warning(error.message());
    }
  }
}

// Goes on until Ctrl-C, with a line for each run that changed something.
void watch_on(Invocation& invocation, FolderWatch& watch, const std::function<IndexResult()>& index, IndexResult& all) {
  log_note(message("watching for changes; Ctrl-C ends it"));
  try {
    while (true) {
      watch.wait(invocation.cancel);
      IndexResult now = index_patiently(index);
      if (!invocation.json()) {
        warn_of_new(now, all);
        if (now.added + now.updated + now.removed > 0) {
          invocation.output.line(message("{:%H:%M:%S}  {} added, {} updated, {} removed",
                                         fmt::localtime(std::time(nullptr)), now.added, now.updated, now.removed));
          invocation.output.flush();
        }
      }
      add_to(all, std::move(now));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::cancelled) throw;
  }
}

int run_index(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const ModelEntry entry = choose_model(invocation, "index");
  const auto encoder = open_model(invocation, entry, {.text_tower = false});
  Library library = Library::create(library_path(invocation));
  const std::vector<std::filesystem::path> named(invocation.arguments.begin(), invocation.arguments.end());
  const bool follow_links = settings.flag("follow-links");
  std::optional<FolderWatch> watch;  // before the first run: nothing falls in between
  if (settings.flag("watch")) watch.emplace(named, follow_links);

  const PictureOptions pictures = picture_options(settings);
  const ModelKey model{entry.name, weights_identity(entry.path)};
  const auto index = [&] {
    Progress progress(0, message("pictures"));
    const IndexOptions options{.fast_decode = pictures.fast_decode,
                               .exif_rotation = pictures.exif_rotation,
                               .follow_links = follow_links,
                               .progress = [&](const IndexProgress& now) {
                                 progress.show(static_cast<std::size_t>(now.done), static_cast<std::size_t>(now.total));
                               }};
    return index_pictures(library, *encoder, model, named, options, invocation.cancel);
  };
  IndexResult result = index();
  if (!invocation.json()) {
    warn_of_failed(result.failed);
    print(invocation.output, result, library);
    invocation.output.flush();
  }
  if (watch) watch_on(invocation, *watch, index, result);
  if (invocation.json()) put(invocation.output, entry.name, result);
  return watch ? kInterrupted : status_for(result.failed);
}

}  // namespace

Command index_command() {
  Command command;
  command.name = "index";
  command.arguments = "FOLDER|FILE…";
  command.summary = message("bring the library up to date with folders of pictures");
  command.description = message(
      "Folders are read with all below them. What did not change is not read again, what moved is known by its "
      "content, what is gone is forgotten. Stop it at any time: what is done stays, and the next run goes on.");
  command.options = {flag("watch", message("then go on with every change, until Ctrl-C")), decode_option(),
                     no_exif_rotation_option(), flag("follow-links", message("follow symbolic links to folders"))};
  command.examples = {{"gaze index ~/Pictures", message("all pictures below a folder")},
                      {"gaze index ~/Pictures --watch", message("and what changes from now on")},
                      {"gaze index ~/Pictures --decode fast", message("faster with large JPEGs, nearly the same")},
                      {"gaze index ~/Pictures --model google/siglip-base-patch16-224",
                       message("vectors of another model, beside the others")}};
  command.least_arguments = 1;
  command.run = run_index;
  return command;
}

}  // namespace gaze::cli
