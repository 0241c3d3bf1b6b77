#include "tasks/embed.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"
#include "cli/commands/remote.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "tasks/remote_embed.h"

namespace gaze::cli {
namespace {

std::span<const float> row(const Tensor& vectors, std::size_t index) {
  const auto at = static_cast<std::int64_t>(index);
  return vectors.rows(at, at + 1).values<float>();
}

void print(Output& output, const std::string& name, std::span<const float> vector) {
  std::string start;
  for (const float value : vector.first(std::min<std::size_t>(4, vector.size())))
    start += fmt::format(" {:+.4f}", value);
  output.line(printable(name) + " " + start + " …");
}

// Pictures first, then texts. The vectors stand in the file `--output` names, else in what is printed.
struct Vectors {
  PictureVectors pictures;
  Tensor texts;  // float32 [texts, dimension]
};

int show(Invocation& invocation, const std::string& model, std::int64_t dimension,
         const std::vector<std::string>& texts, const Vectors& made) {
  const PictureVectors& pictures = made.pictures;
  const std::string output = invocation.settings.text("output");
  if (!output.empty()) write_vectors(output, pictures.vectors, made.texts);
  warn_of_failed(pictures.failed);

  if (invocation.json()) {
    OrderedJson embeddings = OrderedJson::array();
    for (std::size_t i = 0; i < pictures.paths.size(); ++i) {
      OrderedJson one;
      put_path(one, "input", pictures.paths[i]);
      one["kind"] = "image";
      if (output.empty()) one["vector"] = numbers(row(pictures.vectors, i));
      embeddings.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      OrderedJson one{{"input", texts[i]}, {"kind", "text"}};
      if (output.empty()) one["vector"] = numbers(row(made.texts, i));
      embeddings.push_back(std::move(one));
    }
    invocation.output.document({{"model", model},
                                {"dimension", dimension},
                                {"embeddings", std::move(embeddings)},
                                {"failed", failed_json(pictures.failed)}});
  } else if (!output.empty()) {
    invocation.output.line(
        message("{} vectors of {} numbers: {}", pictures.paths.size() + texts.size(), dimension, display(output)));
  } else {
    for (std::size_t i = 0; i < pictures.paths.size(); ++i) {
      print(invocation.output, display(pictures.paths[i]), row(pictures.vectors, i));
    }
    for (std::size_t i = 0; i < texts.size(); ++i) print(invocation.output, texts[i], row(made.texts, i));
  }
  return status_for(pictures.failed);
}

int embed_elsewhere(Invocation& invocation, const std::string& model) {
  const Settings& settings = invocation.settings;
  if (!invocation.arguments.empty()) {
    throw Error(ErrorCode::usage, message("{} makes vectors of texts, not of pictures", model),
                message("leave the pictures out, or take a model that is here (gaze models)"));
  }
  const int dimensions = settings.given("dimensions") ? static_cast<int>(settings.integer("dimensions")) : 0;
  if (settings.flag("special")) {
    throw Error(ErrorCode::usage, message("remote models know no {}", "--special"), message("leave the option out"));
  }
  const std::vector<std::string> texts = texts_of(settings.texts("text"), invocation.cancel);
  RemoteAccess access(model, !settings.flag("no-cache"));
  if (settings.flag("dry-run")) {
    print_request(invocation.output, describe_embedding(access, texts, dimensions));
    return 0;
  }
  Vectors made;
  made.texts = embed_texts_remotely(access, texts, dimensions, invocation.cancel);
  made.pictures.vectors = Tensor::empty({0, made.texts.size(1)}, DType::f32);
  return show(invocation, model, made.texts.size(1), texts, made);
}

int run_embed(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  if (invocation.arguments.empty() && settings.texts("text").empty()) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", "embed", "gaze embed IMAGE… --text T"),
                message("see: gaze {} --help", "embed"));
  }
  if (const std::string name = settings.text("model"); is_remote_model(name)) return embed_elsewhere(invocation, name);
  if (settings.flag("dry-run")) {
    throw Error(ErrorCode::usage, message("--dry-run shows what would leave the machine, and nothing would"),
                message("name a remote model, or leave --dry-run out"));
  }
  if (settings.given("dimensions")) {
    throw Error(ErrorCode::usage, message("--dimensions is for remote models: those here make vectors of one length"),
                message("leave the option out"));
  }
  Bytes standard_input;
  const auto paths = pictures_of(invocation.arguments, standard_input, invocation.cancel);
  const std::vector<std::string> texts = texts_of(settings.texts("text"), invocation.cancel);
  const ModelEntry entry = choose_model(invocation, "embed");
  const auto encoder = open_model(invocation, entry, {.image_tower = !paths.empty(), .text_tower = !texts.empty()});

  Progress progress(paths.size(), message("pictures"));
  Vectors made;
  made.pictures = embed_pictures(*encoder, paths, standard_input, picture_options(settings), invocation.cancel,
                                 [&](std::size_t done) { progress.show(done); });
  progress.clear();
  made.texts = embed_texts(*encoder, texts, settings.flag("special"), invocation.cancel);
  return show(invocation, entry.name, encoder->info().dimension, texts, made);
}

}  // namespace

Command embed_command() {
  Command command;
  command.name = "embed";
  command.arguments = "[IMAGE…|-]";
  command.summary = message("pictures and texts as vectors");
  command.description = message(
      "Every vector has length 1; the dot product of two is their cosine. - reads a picture, or a list of paths, from "
      "standard input. Remote models (OpenAI's text-embedding-3, gemini-embedding-001, your own server) take texts; "
      "their vectors are kept, so that none is paid for twice.");
  Option texts = text("text", "T", message("a text to embed; - reads one text a line from standard input"));
  texts.repeated = true;
  command.options = {
      texts,
      file("output", "F.npy", message("write the vectors here, one row each, for NumPy")),
      decode_option(),
      no_exif_rotation_option(),
      special_option(),
      integer("dimensions", "N", message("numbers a vector; default: the remote model's own"), "", 1, 65536),
      dry_run_option(),
      no_cache_option()};
  command.examples = {{"gaze embed *.jpg --output vectors.npy", message("one row a picture")},
                      {message("gaze embed photo.jpg --text \"a red car\" --json"), message("a picture and a text")},
                      {"find . -name '*.jpg' | gaze embed - --output all.npy", message("a list of paths from a pipe")},
                      {"gaze embed --text - --output texts.npy --model openai:text-embedding-3-small < lines.txt",
                       message("a text a line, with OpenAI; the key is in OPENAI_API_KEY")}};
  command.run = run_embed;
  return command;
}

}  // namespace gaze::cli
