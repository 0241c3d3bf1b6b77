#include "tasks/model_store.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "base/split_name.h"
#include "catalog/content_hash.h"
#include "models/chat_models.h"
#include "models/checkpoint.h"
#include "models/registry.h"
#include "tasks/open_model.h"
#include "tasks/pull_model.h"
#include "weights/gguf.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// The commands a checkpoint with this config.json serves.
std::vector<std::string> tasks_of(const Json& config) {
  const ModelAbilities abilities = abilities_of(config);
  std::vector<std::string> tasks;
  if (abilities.embeds || abilities.matches) tasks.emplace_back("match");
  if (abilities.embeds) tasks.insert(tasks.end(), {"embed", "index", "search"});
  if (abilities.captions) tasks.emplace_back("caption");
  if (abilities.answers || is_picture_chat_model(config)) tasks.emplace_back("ask");
  if (is_chat_model(config)) tasks.emplace_back("chat");
  if (abilities.matches) tasks.emplace_back("rerank");
  return tasks;
}

std::int64_t bytes_in(const fs::path& folder) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) bytes += static_cast<std::int64_t>(it->file_size(ignored));
  }
  return bytes;
}

// `license: mit` in the front matter of the model card (the hub's format).
std::string licence_of(const fs::path& folder) {
  std::ifstream card(folder / "README.md");
  std::string line;
  if (!std::getline(card, line) || line != "---") return {};
  while (std::getline(card, line) && line != "---") {
    constexpr std::string_view kKey = "license:";
    if (!line.starts_with(kKey)) continue;
    const std::size_t start = line.find_first_not_of(" \"'", kKey.size());
    const std::size_t end = line.find_last_not_of(" \"'\r");
    return start == std::string::npos ? "" : to_valid_utf8(line.substr(start, end + 1 - start));
  }
  return {};
}

bool is_eyes(const fs::path& file) {
  std::string name = file.filename().native();
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.find("mmproj") != std::string::npos;
}

// All .gguf files of a folder, or those of them that are eyes, by name.
std::vector<fs::path> gguf_files(const fs::path& folder, bool eyes) {
  std::vector<fs::path> all;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto split = parse_split_name(it->path().filename().native());
    if (split && split->number > 1) continue;  // of the first part's model
    if (llama::is_gguf(it->path()) && is_eyes(it->path()) == eyes && it->is_regular_file(ignored)) {
      all.push_back(it->path());
    }
  }
  std::ranges::sort(all);
  return all;
}

// Its language models.
std::vector<fs::path> gguf_files_in(const fs::path& folder) {
  return gguf_files(folder, false);
}

// The file that looks at pictures for a language model in the same folder: of several the largest, which has lost
// least.
fs::path eyes_beside(const fs::path& file) {
  const std::vector<fs::path> eyes = gguf_files(file.parent_path(), true);
  std::error_code ignored;
  const auto bytes = [&](const fs::path& each) { return fs::file_size(each, ignored); };
  return eyes.empty() ? fs::path() : *std::ranges::max_element(eyes, {}, bytes);
}

// Errors: bad_weights; unsupported_model (no language model that gaze knows).
std::int64_t count_gguf_parameters(const fs::path& file) {
  const GgufFile gguf(map_weight_file(file));
  if (const auto architecture = gguf.metadata().text("general.architecture"); architecture != "llama") {
    throw Error(ErrorCode::unsupported_model,
                message("\"{}\" is no model that gaze knows", to_valid_utf8(architecture)));
  }
  return count_parameters(gguf);
}

// A checkpoint folder has a config.json that counts: beside nothing but GGUF files of other names it does not.
bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / "config.json", ignored)) return false;
  if (fs::is_regular_file(folder / "model.gguf", ignored) || gguf_files_in(folder).empty()) return true;
  const auto is_weights = [&](const char* name) { return fs::is_regular_file(folder / name, ignored); };
  return std::ranges::any_of(std::array{"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                        "pytorch_model.bin.index.json"},
                             is_weights);
}

ModelEntry describe_gguf(std::string name, const fs::path& file) {
  ModelEntry entry{.name = std::move(name), .path = file, .eyes = eyes_beside(file), .kind = "gguf"};
  entry.licence = licence_of(file.parent_path());
  std::error_code ignored;
  for (const fs::path& file_of : {entry.path, entry.eyes}) {
    for (const fs::path& part : file_of.empty() ? std::vector<fs::path>() : parts_of(file_of)) {
      const std::uintmax_t bytes = fs::file_size(part, ignored);
      if (!ignored) entry.bytes += static_cast<std::int64_t>(bytes);
    }
  }
  try {
    entry.parameters = count_gguf_parameters(file);
    if (!entry.eyes.empty()) entry.parameters += count_parameters(*open_weights(entry.eyes));
    if (!entry.eyes.empty()) entry.tasks.emplace_back("ask");
    entry.tasks.emplace_back("chat");
  } catch (const Error& error) {
    entry.fault = error.message();
  }
  return entry;
}

// A name as the hub has them: NAME or ORG/NAME of letters, digits, '-', '_' and '.', none of which begins with a '.'.
bool is_model_name(const std::string& name) {
  int parts = 1;
  std::string part;
  for (const char c : name + "/") {
    if (c == '/') {
      if (part.empty() || part.front() == '.') return false;
      part.clear();
      ++parts;
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.') {
      part += c;
    } else {
      return false;
    }
  }
  return parts <= 3;
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> all;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) all.push_back(it->path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

fs::path program_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

// In PREFIX/bin, not in a build folder of the source.
bool is_installed() {
  return program_folder().filename() == "bin";
}

// Lines of `sha256sum`: 64 hexadecimal digits, two characters, the file.
void check_sums(const fs::path& folder, const CancelToken& cancel) {
  const fs::path list = folder / "SHA256SUMS";
  std::error_code ignored;
  if (!fs::exists(list, ignored)) return;
  std::istringstream lines(read_text_file(list, MiB));
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 67) continue;
    cancel.check();
    const fs::path file = folder / fs::path(line.substr(66)).filename();
    const MappedFile mapped(file);
    std::string digest;
    for (const std::byte byte : content_hash(mapped.bytes())) digest += fmt::format("{:02x}", static_cast<int>(byte));
    if (digest != line.substr(0, 64)) {
      throw Error(ErrorCode::bad_weights,
                  message("{}: not the file that was published: its SHA-256 differs", display(file)),
                  message("get this model again"));
    }
  }
}

}  // namespace

ModelStore::ModelStore(fs::path models, fs::path built_in)
    : models_(std::move(models)), built_in_(std::move(built_in)) {}

fs::path ModelStore::built_in_folder() {
  const fs::path program = program_folder();
  fs::path installed = (program / "../share/gaze/models" / kBuiltInModel).lexically_normal();
  if (is_checkpoint(installed)) return installed;
  return is_installed() ? installed : (program / "../models" / kBuiltInModel).lexically_normal();
}

std::string ModelStore::how_to_restore_built_in() {
  if (!is_installed()) return message("get it back: git checkout models/{}", kBuiltInModel);
  return message("install gaze again: make install PREFIX={}", display(program_folder().parent_path()));
}

ModelEntry ModelStore::describe(std::string name, const fs::path& folder) const {
  ModelEntry entry{.name = std::move(name), .path = folder};
  entry.bytes = bytes_in(folder);
  entry.licence = licence_of(folder);
  try {
    const Json config = read_json_file(folder / "config.json");
    if (config.is_object() && config.contains("model_type") && config["model_type"].is_string()) {
      entry.kind = to_valid_utf8(config["model_type"].get<std::string>());
    }
    entry.tasks = tasks_of(config);
    if (entry.tasks.empty()) {
      throw Error(ErrorCode::unsupported_model, message("\"{}\" is no model that gaze knows", architecture_of(config)));
    }
    entry.parameters = count_parameters(*open_checkpoint(folder).weights);
    if (const std::string tower = missing_tower(folder); !tower.empty()) {
      entry.eyes = find_tower(tower, folder);
      if (entry.eyes.empty()) entry.fault = message("its picture part is another model: gaze pull {}", tower);
    }
  } catch (const Error& error) {
    entry.fault = error.message();
  }
  return entry;
}

// Where the picture tower of that name is: a folder by its path, an installed model, a folder beside the model's.
fs::path ModelStore::find_tower(const std::string& tower, const fs::path& folder) const {
  const fs::path beside = fs::weakly_canonical(folder).parent_path() / fs::path(tower).filename();
  for (const fs::path& place : {fs::path(tower), models_ / tower, beside}) {
    if (is_checkpoint(place)) return place;
  }
  return {};
}

// The models of a folder: a checkpoint, or GGUF files.
std::vector<ModelEntry> ModelStore::all_in(const std::string& name, const fs::path& folder) const {
  if (is_checkpoint(folder)) return {describe(name, folder)};
  const std::vector<fs::path> files = gguf_files_in(folder);
  if (files.size() == 1) return {describe_gguf(name, files[0])};
  std::vector<ModelEntry> all;
  for (const fs::path& file : files) {
    all.push_back(describe_gguf(name + "/" + to_valid_utf8(file.filename().native()), file));
  }
  return all;
}

std::vector<ModelEntry> ModelStore::list() const {
  std::vector<ModelEntry> all;
  if (is_checkpoint(built_in_)) {
    all.push_back(describe(kBuiltInModel, built_in_));
    all.back().built_in = true;
  }
  const auto add = [&](const std::string& name, const fs::path& folder) {
    if (is_model_name(name)) std::ranges::move(all_in(name, folder), std::back_inserter(all));
  };
  for (const fs::path& outer : folders_in(models_)) {
    const std::string name = outer.filename().native();
    add(name, outer);
    if (is_checkpoint(outer)) continue;
    for (const fs::path& inner : folders_in(outer)) add(name + "/" + inner.filename().native(), inner);
  }
  return all;
}

void ModelStore::throw_not_found(const std::string& name) const {
  std::string names;
  for (const ModelEntry& entry : list()) names += (names.empty() ? "" : ", ") + entry.name;
  throw Error(
      ErrorCode::model_not_found, message("there is no model {}", to_valid_utf8(name)),
      names.empty()
          ? message("none is installed; get one with `gaze pull`, or give the path of a checkpoint folder")
          : message("there are: {}; get others with `gaze pull`, or give the path of a checkpoint folder", names));
}

ModelEntry ModelStore::find(const std::string& name) const {
  const auto only_one_in = [&](const fs::path& folder) {
    std::vector<ModelEntry> found = all_in(name, folder);
    if (found.size() == 1) return std::move(found[0]);
    std::string names;
    for (const ModelEntry& each : found) names += (names.empty() ? "" : ", ") + each.name;
    throw Error(ErrorCode::model_not_found, message("{}: there are {} models in it", display(folder), found.size()),
                message("name one of them: {}", names));
  };
  if (is_model_name(name) && !all_in(name, models_ / name).empty()) return only_one_in(models_ / name);
  const fs::path file(name);
  std::error_code none;
  if (llama::is_gguf(file) && is_model_name(file.parent_path()) && fs::is_regular_file(models_ / file, none)) {
    return describe_gguf(name, models_ / file);
  }
  if (name == kBuiltInModel) {
    if (!is_checkpoint(built_in_)) {
      throw Error(ErrorCode::model_not_found,
                  message("the built-in model is missing: {} is not there", display(built_in_ / "config.json")),
                  how_to_restore_built_in());
    }
    ModelEntry entry = describe(name, built_in_);
    entry.built_in = true;
    return entry;
  }
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) {
    if (is_checkpoint(name)) return describe(to_valid_utf8(name), name);
    if (!gguf_files_in(name).empty()) return only_one_in(name);
    throw Error(ErrorCode::model_not_found, message("{}: no checkpoint folder: it has no config.json", display(name)));
  }
  throw_not_found(name);
}

std::optional<ModelEntry> ModelStore::best_installed_for(const std::string& task) const {
  std::optional<ModelEntry> best;
  for (ModelEntry& entry : list()) {
    const bool able = std::find(entry.tasks.begin(), entry.tasks.end(), task) != entry.tasks.end();
    if (!able || !entry.fault.empty() || entry.built_in) continue;
    if (!best || entry.parameters > best->parameters) best = std::move(entry);
  }
  return best;
}

ModelEntry ModelStore::best_for(const std::string& task) const {
  auto installed = best_installed_for(task);
  return installed ? *std::move(installed) : find(kBuiltInModel);
}

ModelEntry ModelStore::remove(const std::string& name) const {
  ModelEntry entry = find(name);
  if (entry.built_in) throw Error(ErrorCode::usage, message("{} is part of gaze and stays", name));
  const bool is_file = !fs::is_directory(entry.path);
  const fs::path folder = fs::weakly_canonical(is_file ? entry.path.parent_path() : entry.path);
  const fs::path inside = folder.lexically_relative(fs::weakly_canonical(models_));
  if (inside.empty() || inside == "." || *inside.begin() == "..") {
    throw Error(ErrorCode::usage, message("{}: only installed models are removed, and this is not one", display(name)),
                message("installed models are in {}", display(models_)));
  }
  if (is_file && gguf_files_in(folder).size() > 1) {
    for (const fs::path& part : parts_of(entry.path)) fs::remove(part);  // the others need the eyes
    return entry;
  }
  fs::remove_all(folder);
  std::error_code ignored;
  if (inside.has_parent_path()) fs::remove(folder.parent_path(), ignored);  // the organisation, once empty
  return entry;
}

ModelEntry ModelStore::verify(const std::string& name, const CancelToken& cancel) const {
  ModelEntry entry = find(name);
  const fs::path folder = fs::is_directory(entry.path) ? entry.path : entry.path.parent_path();
  if (!verify_pulled_files(folder, cancel)) check_sums(folder, cancel);
  if (folder != entry.path) {
    load_chat_model(entry.path, Precision::automatic, entry.eyes);
    return entry;
  }
  // What several tasks share is read once for each: a check may take its time.
  const Json config = read_json_file(entry.path / "config.json");
  const ModelAbilities abilities = abilities_of(config);
  const bool talks = is_chat_model(config);
  if (talks) load_chat_model(entry.path, Precision::automatic, entry.eyes);
  cancel.check();
  if (abilities.captions) open_captioner(entry, Precision::automatic);
  cancel.check();
  if (abilities.answers) open_picture_answerer(entry, Precision::automatic);
  cancel.check();
  if (abilities.matches) open_picture_matcher(entry, Precision::automatic);
  cancel.check();
  const bool nothing = !abilities.captions && !abilities.answers && !abilities.matches && !talks;
  if (abilities.embeds || nothing) open_dual_encoder(entry, {});  // of no family: says so
  cancel.check();
  return entry;
}

}  // namespace gaze
