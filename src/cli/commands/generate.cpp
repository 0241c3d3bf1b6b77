#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/message.h"
#include "cli/commands/commands.h"
#include "cli/commands/remote.h"
#include "cli/invocation.h"
#include "cli/terminal.h"
#include "tasks/generate_pictures.h"

namespace gaze::cli {
namespace {

PictureOrder order_of(const Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const auto refuse = [](const std::string& text, const std::string& hint) {
    throw Error(ErrorCode::usage, text, hint);
  };
  for (const char* name : {"steps", "seed", "guidance", "negative"}) {
    if (settings.given(name)) {
      refuse(message("remote models know no {}", "--" + std::string(name)), message("leave the option out"));
    }
  }
  const std::string prompt = invocation.arguments.empty() ? "" : invocation.arguments[0];
  PictureOrder order{.prompt = to_valid_utf8(prompt),
                     .size = settings.text("size"),
                     .count = static_cast<int>(settings.integer("count")),
                     .quality = settings.text("quality"),
                     .style = settings.text("style"),
                     .background = settings.text("background"),
                     .pictures = settings.texts("image"),
                     .mask = settings.text("mask")};
  const bool varies = invocation.arguments.empty() && !order.pictures.empty();
  if (!varies && order.prompt.find_first_not_of(" \t\r\n") == std::string::npos) {
    refuse(message("the prompt is empty"), message("see: gaze {} --help", "generate"));
  }
  if (!order.mask.empty() && (varies || order.pictures.empty())) {
    refuse(message("a mask goes with a prompt and a picture to edit (--image)"),
           message("see: gaze {} --help", "generate"));
  }
  return order;
}

int run_generate(Invocation& invocation) {
  const Settings& settings = invocation.settings;
  const std::string name = settings.text("model");
  if (!is_remote_model(name)) {
    throw Error(name.empty() ? ErrorCode::model_not_found : ErrorCode::unsupported_model,
                name.empty() ? message("no model that makes pictures is installed")
                             : message("{} cannot make pictures", to_valid_utf8(name)),
                message("name a remote one: --model openai:gpt-image-1 with OPENAI_API_KEY, or "
                        "gemini:gemini-2.5-flash-image with GEMINI_API_KEY"));
  }
  const PictureOrder order = order_of(invocation);
  RemoteAccess access(name, false);
  if (settings.flag("dry-run")) {
    print_request(invocation.output, describe_order(access.model(), order));
    return 0;
  }
  const std::filesystem::path output = settings.text("output");
  if (output.empty()) {
    throw Error(ErrorCode::usage, message("{} needs more: {}", "generate", "gaze generate PROMPT --output F.png"),
                message("see: gaze {} --help", "generate"));
  }
  const std::vector<MadePicture> made = generate_pictures(access, order, output, invocation.cancel);
  OrderedJson images = OrderedJson::array();
  for (const MadePicture& picture : made) {
    OrderedJson one;
    put_path(one, "path", picture.path);
    one["seed"] = nullptr;  // services do not tell
    if (!picture.revised_prompt.empty()) one["revised_prompt"] = picture.revised_prompt;
    images.push_back(std::move(one));
    if (!invocation.json()) invocation.output.line(printable(display(picture.path)));
  }
  if (invocation.json()) invocation.output.document({{"model", name}, {"images", std::move(images)}});
  if (made.size() < static_cast<std::size_t>(order.count)) {
    log_warning(message("the service made {} of {} pictures", made.size(), order.count));
  }
  return 0;
}

}  // namespace

Command generate_command() {
  Command command;
  command.name = "generate";
  command.arguments = "[PROMPT] --output F.png";
  command.summary = message("make pictures from words");
  command.description = message(
      "With a remote model: OpenAI's (gpt-image-1, dall-e-3, dall-e-2) or Google's (gemini-2.5-flash-image, "
      "imagen-4.0). With --image the picture is changed as the prompt says; without a prompt dall-e-2 makes variations "
      "of it (of its middle square). What leaves the machine is said on standard error; --dry-run shows it whole and "
      "sends nothing. A spending cap counts pictures by their price in prices.json.");
  command.options = {file("output", "F.png", message("the picture; of several F-1.png, F-2.png …")),
                     text("size", "WxH", message("for example 1024x1024; default: the service's own")),
                     integer("count", "N", message("how many pictures"), "1", 1, 10),
                     file("image", "FILE", message("change this picture; may be given again")),
                     file("mask", "FILE.png", message("change the picture only where this one is transparent")),
                     text("quality", "WORD", message("as the service names it: low, medium, high; standard, hd")),
                     text("style", "WORD", message("as the service names it: vivid, natural")),
                     text("background", "WORD", message("as the service names it: transparent, opaque")),
                     integer("steps", "N", message("steps of the sampler; local models"), "", 1, 1000),
                     integer("seed", "N", message("seed of the noise; local models"), "", 0),
                     real("guidance", "X", message("how closely the prompt is followed; local models"), "", 0, 100),
                     text("negative", "TEXT", message("what should not be there; local models")),
                     dry_run_option()};
  for (Option& option : command.options) option.repeated = option.name == "image";
  command.examples = {
      {"gaze generate \"一只戴草帽的猫，水彩\" --output cat.png --model openai:gpt-image-1", message("with OpenAI")},
      {message("gaze generate \"make the sky red\" --image photo.jpg --output red.png --model openai:gpt-image-1"),
       message("a picture changed")},
      {"gaze generate --image photo.jpg --output like-it.png --count 3 --model openai:dall-e-2",
       message("three pictures like this one")},
      {message("gaze generate \"a lighthouse\" --output l.png --count 2 --model gemini:imagen-4.0-generate-001"),
       message("two, with Google's Imagen")}};
  command.most_arguments = 1;
  command.run = run_generate;
  return command;
}

}  // namespace gaze::cli
