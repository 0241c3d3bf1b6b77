#include "tasks/quantise_model.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/llama/chat_model.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;

// A folder that goes with the object unless it got its name; until then it is called ".NAME.PROCESS".
class NewFolder {
 public:
  explicit NewFolder(fs::path place)
      : place_(std::move(place)), path_(place_.parent_path() / (prefix() + std::to_string(::getpid()))) {
    remove_leftovers();
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) refuse(error);
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const fs::path& path() const { return path_; }

  void commit() {
    std::error_code error;
    fs::rename(path_, place_, error);
    if (error) refuse(error);
    path_.clear();
    const int parent = ::open(place_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0) ::fsync(parent), ::close(parent);
  }

 private:
  std::string prefix() const { return fmt::format(".{}.", place_.filename().string()); }

  // Gigabytes that a process left which was killed.
  void remove_leftovers() const {
    std::error_code error;
    for (fs::directory_iterator it(place_.parent_path(), error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      pid_t process = 0;
      const char* const last = name.data() + name.size();
      if (!name.starts_with(prefix()) || std::from_chars(name.data() + prefix().size(), last, process).ptr != last)
        continue;
      std::error_code ignored;
      if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH) fs::remove_all(it->path(), ignored);
    }
  }

  [[noreturn]] void refuse(const std::error_code& error) const {
    throw Error(no_room_left(error.value()) ? ErrorCode::disk_full : ErrorCode::not_found,
                message("{}: cannot be written: {}", display(place_), error.message()));
  }

  fs::path place_, path_;
};

void refuse_others(const fs::path& folder) {
  const Json config = read_json_file(folder / "config.json");
  if (is_chat_model(config)) return;
  throw Error(ErrorCode::unsupported_model,
              message("{}: only language models (LLaMA, LLaVA, SmolVLM) are written in fewer bits", display(folder)),
              message("for other models --precision int8 does it while they load"));
}

}  // namespace

QuantisedModel quantise_model(const QuantiseOrder& order, const ModelStore& store, const fs::path& models,
                              const CancelToken& cancel,
                              const std::function<void(std::int64_t done, std::int64_t total)>& on_progress) {
  std::error_code ignored;
  if (llama::is_gguf(order.model) && fs::is_regular_file(order.model, ignored)) {
    throw Error(ErrorCode::usage, message("{}: a GGUF file is what comes out; give a checkpoint folder", order.model),
                message("a .gguf file is used as it is: --model {}", order.model));
  }
  const ModelEntry entry = store.find(order.model);
  if (entry.kind == "gguf") {
    throw Error(ErrorCode::usage, message("{}: a GGUF file is what comes out; give a checkpoint folder", entry.name),
                message("a .gguf file is used as it is: --model {}", entry.name));
  }
  refuse_others(entry.path);
  if (!missing_tower(entry.path).empty()) {
    throw Error(ErrorCode::unsupported_model,
                message("{}: its picture part is another model: only models that are one "
                        "folder are quantised",
                        entry.name),
                message("take the checkpoint of llava-hf"));
  }
  if (is_quantised_checkpoint(entry.path)) {
    throw Error(ErrorCode::usage, message("{} has few bits a weight already", entry.name),
                message("give the model that it was made from"));
  }
  const fs::path from = fs::weakly_canonical(entry.path);
  const bool is_installed = from.native().starts_with(fs::weakly_canonical(models).native() + "/");
  const char* suffix = order.bits == WeightBits::four ? "-int4" : "-int8";
  fs::path place = order.output;
  if (place.empty()) {
    const fs::path parent = is_installed ? from.parent_path() : models;
    place = parent / (from.filename().string() + suffix);
  }
  place = fs::absolute(place).lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  if (fs::exists(place, ignored)) {
    throw Error(ErrorCode::usage, message("{} is there already", display(place)),
                message("remove it first, or choose another name with --output"));
  }

  const llama::ChatModel::Parts parts = open_chat_parts(from, Precision::automatic);
  NewFolder folder(place);
  QuantisedModel made;
  try {
    made.sizes = write_quantised_checkpoint(parts, from, folder.path(), order.bits, cancel, on_progress);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::disk_full) throw;
    throw Error(ErrorCode::disk_full, message("{}: no room left on the disk", display(place)),  // its files are gone
                message("make room, or write it elsewhere with --output"));
  }
  cancel.check();
  folder.commit();
  const fs::path name = place.lexically_relative(fs::weakly_canonical(models));
  const bool inside = !name.empty() && *name.begin() != "..";
  made.entry = store.find(inside ? name.string() : place.string());
  return made;
}

}  // namespace gaze
