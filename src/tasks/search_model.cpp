#include "tasks/search_model.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tasks/weights_identity.h"

namespace gaze {
namespace {

// The installed model whose vectors the library holds under this name, if it is still there with these weights.
std::optional<ModelEntry> usable(Library& library, const ModelStore& store, const std::string& name) {
  try {
    ModelEntry entry = store.find(name);
    if (entry.fault.empty() && library.find_model({entry.name, weights_identity(entry.path)})) return entry;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::model_not_found && error.code() != ErrorCode::not_found) throw;
  }
  return {};
}

}  // namespace

ModelEntry model_for_search(Library& library, const ModelStore& store) {
  std::vector<std::pair<std::int64_t, std::string>> by_count;
  for (const auto& [name, count] : library.count_vectors()) {
    if (count > 0) by_count.emplace_back(count, name);
  }
  std::ranges::sort(by_count, std::greater());
  for (const auto& [count, name] : by_count) {
    if (auto entry = usable(library, store, name)) return *std::move(entry);
  }
  return store.best_for("search");
}

}  // namespace gaze
