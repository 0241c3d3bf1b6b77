// Getting a model from a hub into the folder of installed ones, and looking at it again later.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "tasks/model_store.h"

namespace gaze {

struct ModelOrder {
  std::string id;                  // "owner/name" on the Hugging Face hub, or "modelscope:owner/name"
  std::string revision;            // a branch, tag or commit; empty: the hub's main one
  std::vector<std::string> files;  // beyond what is needed, or which GGUF of several
};

// Where it would come from and go to; reads nothing. Errors: usage (no such id can be), unauthorized (the file of
// keys).
struct PullPlan {
  std::string host;
  std::string name;  // what `--model` takes afterwards
  std::filesystem::path folder;
};
PullPlan plan_pull(const ModelOrder& order, const std::filesystem::path& models);

// Fetches it into MODELS/OWNER/NAME: only the files that are needed, several at once, each checked by its hash; what an
// earlier try left is gone on from. With HF_HUB_OFFLINE set it only looks whether the model is there.
// `on_progress` as PullProgress of providers/hub.h. Errors: those of `pull` there.
ModelEntry pull_model(const ModelOrder& order, const std::filesystem::path& models, const CancelToken& cancel,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_progress);

// Hashes a pulled model's files again. False where the folder was not pulled.
// Errors: bad_weights (names what is missing or changed), invalid_json, cancelled.
bool verify_pulled_files(const std::filesystem::path& folder, const CancelToken& cancel);

}  // namespace gaze
