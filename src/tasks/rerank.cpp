#include "tasks/rerank.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/message.h"
#include "tasks/match.h"
#include "tasks/remote_match.h"

namespace gaze {
namespace {

void order_by_relevance(std::vector<FoundResult>& results, std::size_t count) {
  std::stable_sort(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(count),
                   [](const FoundResult& a, const FoundResult& b) { return a.relevance > b.relevance; });
}

}  // namespace

ModelEntry reranking_model(const ModelStore& store) {
  const auto entry = store.best_installed_for("rerank");
  if (!entry) {
    throw Error(ErrorCode::model_not_found, message("--rerank needs a model that looks at picture and text together"),
                message("put one into the folder of models, for example {}", "Salesforce/blip-itm-base-coco"));
  }
  return *entry;
}

void rerank(const PictureMatcher& matcher, const std::string& text, const PictureOptions& options,
            std::vector<FoundResult>& results, const CancelToken& cancel,
            const std::function<void(std::size_t done, std::size_t total)>& progress) {
  const std::size_t count = std::min<std::size_t>(results.size(), kReranked);
  for (std::size_t i = 0; i < count; ++i) {
    cancel.check();
    results[i].relevance.reset();
    try {
      results[i].relevance =
          match(matcher, results[i].path, std::span(&text, 1), options, false, cancel).matches[0].probability;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::cancelled) throw;
      log_warning(error.message());
    }
    progress(i + 1, count);
  }
  order_by_relevance(results, count);
}

std::vector<std::string> paths_to_rerank(std::span<const FoundResult> results) {
  std::vector<std::string> pictures;
  for (const FoundResult& result : results.first(std::min<std::size_t>(results.size(), kReranked))) {
    pictures.push_back(result.path);
  }
  return pictures;
}

void rerank_remotely(const RemoteAccess& access, const std::string& text, std::vector<FoundResult>& results,
                     const CancelToken& cancel,
                     const std::function<void(std::size_t done, std::size_t total)>& progress) {
  const auto ratings = rate_remotely(access, paths_to_rerank(results), text, cancel, progress);
  for (std::size_t i = 0; i < ratings.size(); ++i) results[i].relevance = ratings[i];
  order_by_relevance(results, ratings.size());
}

}  // namespace gaze
