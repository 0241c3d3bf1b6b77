// Which models there are: installed ones, the built-in one, and checkpoint folders anywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"

namespace gaze {

inline constexpr const char* kBuiltInModel = "gaze-mini";

struct ModelEntry {
  std::string name;            // "gaze-mini", "openai/clip-vit-base-patch32", or the folder as the user gave it
  std::filesystem::path path;  // the checkpoint folder, or the .gguf file
  std::filesystem::path eyes;  // what is opened with it: the GGUF file beside it that looks at pictures, or the folder
                               // of the picture tower that LLaVA's authors name; mostly empty
  std::string kind;            // config.json's model_type, or "gguf"
  std::vector<std::string> tasks;
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;  // of all files in the folder, or of the .gguf file and its eyes
  std::string licence;     // as the model card says; empty where it does not
  bool built_in = false;
  std::string fault;  // why it cannot be used; empty where it can
};

// A folder of models: MODELS/NAME or MODELS/ORG/NAME, each as published on the hub, with a config.json, or with GGUF
// files. A folder's only language model among those is called as the folder; several are called ORG/NAME/FILE.gguf.
// Reads the disk at every call; safe to share between threads.
class ModelStore {
 public:
  explicit ModelStore(std::filesystem::path models, std::filesystem::path built_in = built_in_folder());

  // All installed models by name, the built-in one first. A broken one is listed with its fault.
  std::vector<ModelEntry> list() const;

  // `name`: "gaze-mini", an installed name, or a folder of either kind. Errors: model_not_found (says what there is).
  ModelEntry find(const std::string& name) const;

  // The installed model with the most parameters that can do `task`.
  std::optional<ModelEntry> best_installed_for(const std::string& task) const;
  // The model a task takes where nobody named one: that one, else the built-in one. Errors: model_not_found.
  ModelEntry best_for(const std::string& task) const;

  // Deletes an installed model. Errors: model_not_found, usage (the built-in one, a folder outside of MODELS).
  ModelEntry remove(const std::string& name) const;

  // Reads every file against SHA256SUMS (where the folder has one) and loads the model whole; what it answers is looked
  // at by check_reference (tasks/reference.h).
  // Errors: bad_weights and the others of loading, naming what is wrong; cancelled.
  ModelEntry verify(const std::string& name, const CancelToken& cancel) const;

  // PREFIX/share/gaze/models/gaze-mini of a program in PREFIX/bin, else models/gaze-mini beside the build folder.
  static std::filesystem::path built_in_folder();
  // For a hint: what to do where that folder is missing or damaged.
  static std::string how_to_restore_built_in();

 private:
  ModelEntry describe(std::string name, const std::filesystem::path& folder) const;
  std::vector<ModelEntry> all_in(const std::string& name, const std::filesystem::path& folder) const;
  std::filesystem::path find_tower(const std::string& tower, const std::filesystem::path& folder) const;
  [[noreturn]] void throw_not_found(const std::string& name) const;

  std::filesystem::path models_;
  std::filesystem::path built_in_;
};

}  // namespace gaze
