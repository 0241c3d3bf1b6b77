#include "tasks/preprocess.h"

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/common.h"

namespace gaze::cli {
namespace {

int run_preprocess(Invocation& invocation) {
  const std::string output = invocation.settings.text("output");
  if (output.empty()) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", "preprocess", "gaze preprocess IMAGE --output F.npy"),
                message("see: gaze {} --help", "preprocess"));
  }
  const ModelEntry entry = choose_model(invocation, "embed");
  const auto encoder = open_model(invocation, entry, kNoTowers);
  const Shape shape =
      preprocess(*encoder, invocation.arguments[0], picture_options(invocation.settings), output, invocation.cancel);
  if (invocation.json()) {
    OrderedJson extents = OrderedJson::array();
    for (int axis = 0; axis < shape.rank(); ++axis) extents.push_back(shape[axis]);
    invocation.output.document({{"model", entry.name}, {"shape", extents}, {"dtype", "float32"}});
  } else {
    invocation.output.line(message("{}: float32 {}", display(output), to_string(shape)));
  }
  return 0;
}

}  // namespace

Command preprocess_command() {
  Command command;
  command.name = "preprocess";
  command.arguments = "IMAGE";
  command.summary = message("the pixels that a model's vision tower receives");
  command.options = {file("output", "F.npy", message("where to write them, float32 NCHW, for NumPy")), decode_option(),
                     no_exif_rotation_option()};
  command.examples = {{"gaze preprocess photo.jpg --output pixels.npy", message("resized, cropped and normalised")}};
  command.least_arguments = 1;
  command.most_arguments = 1;
  command.run = run_preprocess;
  return command;
}

}  // namespace gaze::cli
