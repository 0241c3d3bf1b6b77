#include "tasks/model_store.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "catalog/content_hash.h"
#include "models/chat_models.h"
#include "models/checkpoint.h"
#include "models/registry.h"
#include "tasks/open_model.h"
#include "tasks/pull_model.h"

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

bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / "config.json", ignored);
}

// A name as the hub has them: NAME or ORG/NAME of letters, digits, '-', '_' and '.', none of which is "." or "..".
bool is_model_name(const std::string& name) {
  int parts = 1;
  std::string part;
  for (const char c : name + "/") {
    if (c == '/') {
      if (part.empty() || part == "." || part == "..") return false;
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
  } catch (const Error& error) {
    entry.fault = error.message();
  }
  return entry;
}

std::vector<ModelEntry> ModelStore::list() const {
  std::vector<ModelEntry> all;
  if (is_checkpoint(built_in_)) {
    all.push_back(describe(kBuiltInModel, built_in_));
    all.back().built_in = true;
  }
  for (const fs::path& outer : folders_in(models_)) {
    const std::string name = outer.filename().native();
    if (is_checkpoint(outer)) {
      if (is_model_name(name)) all.push_back(describe(name, outer));
      continue;
    }
    for (const fs::path& inner : folders_in(outer)) {
      const std::string full = name + "/" + inner.filename().native();
      if (is_checkpoint(inner) && is_model_name(full)) all.push_back(describe(full, inner));
    }
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
  if (is_model_name(name) && is_checkpoint(models_ / name)) return describe(name, models_ / name);
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
  const fs::path folder = fs::weakly_canonical(entry.path);
  const fs::path inside = folder.lexically_relative(fs::weakly_canonical(models_));
  if (inside.empty() || inside == "." || *inside.begin() == "..") {
    throw Error(ErrorCode::usage, message("{}: only installed models are removed, and this is not one", display(name)),
                message("installed models are in {}", display(models_)));
  }
  fs::remove_all(entry.path);
  std::error_code ignored;
  if (inside.has_parent_path()) fs::remove(entry.path.parent_path(), ignored);  // the organisation, once empty
  return entry;
}

ModelEntry ModelStore::verify(const std::string& name, const CancelToken& cancel) const {
  ModelEntry entry = find(name);
  if (!verify_pulled_files(entry.path, cancel)) check_sums(entry.path, cancel);
  // What several tasks share is read once for each: a check may take its time.
  const Json config = read_json_file(entry.path / "config.json");
  const ModelAbilities abilities = abilities_of(config);
  const bool talks = is_chat_model(config);
  if (talks) load_chat_model(entry.path, Precision::automatic);
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
