#include "cli/commands/common.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/message.h"
#include "tasks/remote_access.h"

namespace gaze::cli {

Option no_exif_rotation_option() {
  return flag("no-exif-rotation", message("leave pictures as the camera stored them, as the reference does"));
}

Option decode_option() {
  return choice("decode", {"exact", "fast"}, message("fast: decode large JPEGs at a smaller scale"), "exact");
}

Option special_option() {
  return flag("special", message("text such as <|endoftext|> becomes that token, as in the reference"));
}

PictureOptions picture_options(const Settings& settings) {
  return {.exif_rotation = !settings.flag("no-exif-rotation"),
          .fast_decode = settings.has("decode") && settings.text("decode") == "fast"};
}

ModelEntry choose_model(const Invocation& invocation, const std::string& task) {
  const ModelStore store(invocation.folders.models());
  const std::string name = invocation.settings.text("model");
  if (is_remote_model(name)) {
    throw Error(ErrorCode::unsupported_model, message("{} is a remote model, which this command does not take", name),
                message("ask, chat, caption, match, tag, embed, generate and search --rerank take one"));
  }
  if (!name.empty()) return store.find(name);
  ModelEntry entry = store.best_for(task);
  if (entry.built_in) log_note(message("with the built-in model {}; --model takes another one", entry.name));
  return entry;
}

Precision precision_of(const Invocation& invocation) {
  const std::string precision = invocation.settings.text("precision");
  return precision == "f32"    ? Precision::f32
         : precision == "bf16" ? Precision::bf16
         : precision == "int8" ? Precision::int8
                               : Precision::automatic;
}

std::unique_ptr<const DualEncoder> open_model(const Invocation& invocation, const ModelEntry& entry,
                                              LoadOptions options) {
  options.precision = precision_of(invocation);
  return open_dual_encoder(entry, options);
}

std::filesystem::path library_path(const Invocation& invocation) {
  const std::string chosen = invocation.settings.text("library");
  return chosen.empty() ? invocation.folders.library() : std::filesystem::path(chosen);
}

OrderedJson model_json(const ModelEntry& entry) {
  OrderedJson object{{"name", entry.name},
                     {"kind", entry.kind},
                     {"tasks", entry.tasks},
                     {"parameters", entry.parameters},
                     {"bytes", entry.bytes}};
  put_path(object, "path", entry.path);
  object["licence"] = entry.licence;
  if (!entry.fault.empty()) object["fault"] = entry.fault;
  return object;
}

OrderedJson failed_json(std::span<const FailedInput> failed) {
  OrderedJson list = OrderedJson::array();
  for (const FailedInput& one : failed) {
    OrderedJson object;
    put_path(object, "path", one.path);
    object["code"] = to_string(one.code);
    object["message"] = one.message;
    list.push_back(std::move(object));
  }
  return list;
}

void warn_of_failed(std::span<const FailedInput> failed) {
  for (const FailedInput& one : failed) log_warning(one.message);
}

int status_for(std::span<const FailedInput> failed) {
  return failed.empty() ? 0 : 3;
}

OrderedJson numbers(std::span<const float> values) {
  OrderedJson list = OrderedJson::array();
  for (const float value : values) list.push_back(std::strtod(fmt::format("{}", value).c_str(), nullptr));
  return list;
}

std::vector<std::filesystem::path> pictures_of(const std::vector<std::string>& typed, Bytes& standard_input,
                                               const CancelToken& cancel) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& one : typed) {
    if (one != "-") {
      paths.emplace_back(one);
      continue;
    }
    standard_input = read_standard_input(limits().image_file_bytes, cancel);
    if (looks_like_picture(standard_input)) {
      paths.emplace_back(one);
      continue;
    }
    for (std::string& line : split_lines(standard_input)) {
      if (!line.empty()) paths.emplace_back(std::move(line));
    }
  }
  return paths;
}

std::vector<std::string> texts_of(const std::vector<std::string>& typed, const CancelToken& cancel) {
  std::vector<std::string> texts;
  for (const std::string& text : typed) {
    if (text == "-") {
      for (std::string& line : split_lines(read_standard_input(limits().text_bytes, cancel)))
        texts.push_back(std::move(line));
    } else {
      texts.push_back(text);
    }
  }
  return texts;
}

}  // namespace gaze::cli
