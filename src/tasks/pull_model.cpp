#include "tasks/pull_model.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "providers/file_name.h"
#include "providers/hub.h"
#include "providers/url.h"

namespace gaze {
namespace {

// As huggingface_hub reads it (constants.py, ENV_VARS_TRUE_VALUES).
bool is_offline() {
  const char* value = std::getenv("HF_HUB_OFFLINE");
  std::string text = value ? value : "";
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

// What was pulled: of several GGUF files in the folder the newest.
ModelEntry entry_of(const PullPlan& plan, const std::filesystem::path& models) {
  const ModelStore store(models);
  std::vector<ModelEntry> there = store.list();
  std::erase_if(there, [&](const ModelEntry& entry) { return !entry.name.starts_with(plan.name + "/"); });
  if (there.empty()) return store.find(plan.name);
  std::error_code ignored;
  return *std::ranges::max_element(
      there, {}, [&](const ModelEntry& entry) { return std::filesystem::last_write_time(entry.path, ignored); });
}

}  // namespace

PullPlan plan_pull(const ModelOrder& order, const std::filesystem::path& models) {
  const HubId id = parse_hub_id(order.id);
  return {Url(hub_source_from_environment(id.kind).endpoint).host(), id.id, models / id.id};
}

ModelEntry pull_model(const ModelOrder& order, const std::filesystem::path& models, const CancelToken& cancel,
                      const std::function<void(std::int64_t done, std::int64_t total)>& on_progress) {
  const PullPlan plan = plan_pull(order, models);
  const HubId id = parse_hub_id(order.id);
  const PullRequest request{
      .id = id, .revision = order.revision, .wanted = order.files, .folder = plan.folder, .offline = is_offline()};
  pull(request, hub_source_from_environment(id.kind), http_options_from_environment(), RetryPolicy(), cancel,
       on_progress);
  return entry_of(plan, models);
}

bool verify_pulled_files(const std::filesystem::path& folder, const CancelToken& cancel) {
  std::error_code ignored;
  if (!std::filesystem::exists(folder / kManifestName, ignored)) return false;
  std::string faults;
  for (const VerifiedFile& file : verify_model(folder, cancel)) {
    if (file.state == VerifiedFile::State::good) continue;
    const bool missing = file.state == VerifiedFile::State::missing;
    faults += (faults.empty() ? "" : ", ") +
              (missing ? message("{} is missing", file.name) : message("{} is not what was pulled", file.name));
  }
  if (faults.empty()) return true;
  throw Error(ErrorCode::bad_weights, message("{}: {}", display(folder), faults),
              message("pull the model again: only what is wrong is fetched"));
}

}  // namespace gaze
