#include <fmt/format.h>

#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/progress.h"
#include "tasks/index_pictures.h"
#include "tasks/weights_identity.h"

namespace gaze::cli {
namespace {

void print(Output& output, const IndexResult& result, const Library& library) {
  output.line(message("{} added, {} updated, {} unchanged, {} removed, {} skipped, {} failed", result.added,
                      result.updated, result.unchanged, result.removed, result.skipped, result.failed.size()));
  output.line(message("{} ({:.1f} pictures a second) into {}", duration(result.seconds), result.images_per_second,
                      display(library.path())));
}

int run_index(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const ModelEntry entry = choose_model(invocation, "index");
  const auto encoder = open_model(invocation, entry, {.text_tower = false});
  Library library = Library::create(library_path(invocation));
  const std::vector<std::filesystem::path> named(invocation.arguments.begin(), invocation.arguments.end());

  Progress progress(0, message("pictures"));
  const PictureOptions pictures = picture_options(settings);
  const IndexOptions options{.fast_decode = pictures.fast_decode,
                             .exif_rotation = pictures.exif_rotation,
                             .follow_links = settings.flag("follow-links"),
                             .progress = [&](const IndexProgress& now) {
                               progress.show(static_cast<std::size_t>(now.done), static_cast<std::size_t>(now.total));
                             }};
  const IndexResult result =
      index_pictures(library, *encoder, {entry.name, weights_identity(entry.path)}, named, options, invocation.cancel);
  progress.clear();

  if (invocation.json()) {
    OrderedJson document{{"model", entry.name},
                         {"added", result.added},
                         {"updated", result.updated},
                         {"unchanged", result.unchanged},
                         {"removed", result.removed},
                         {"skipped", result.skipped},
                         {"failed", failed_json(result.failed)},
                         {"seconds", result.seconds},
                         {"images_per_second", result.images_per_second}};
    invocation.output.document(document);
  } else {
    warn_of_failed(result.failed);
    print(invocation.output, result, library);
  }
  return status_for(result.failed);
}

}  // namespace

Command index_command() {
  Command command;
  command.name = "index";
  command.arguments = "FOLDER|FILE…";
  command.summary = message("bring the library up to date with folders of pictures");
  command.description = message(
      "Folders are read with all below them. What did not change is not read again, what moved is known by its "
      "content, "
      "what is gone is forgotten. Stop it at any time: what is done stays, and the next run goes on.");
  command.options = {decode_option(), no_exif_rotation_option(),
                     flag("follow-links", message("follow symbolic links to folders"))};
  command.examples = {{"gaze index ~/Pictures", message("all pictures below a folder")},
                      {"gaze index ~/Pictures --decode fast", message("faster with large JPEGs, nearly the same")},
                      {"gaze index ~/Pictures --model google/siglip-base-patch16-224",
                       message("vectors of another model, beside the others")}};
  command.least_arguments = 1;
  command.run = run_index;
  return command;
}

}  // namespace gaze::cli
