// `gaze search --rerank`: the first hits once more, each looked at together with the query.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "models/picture_questions.h"
#include "tasks/model_store.h"
#include "tasks/pictures.h"
#include "tasks/remote_access.h"
#include "tasks/search_pictures.h"

namespace gaze {

inline constexpr std::int64_t kReranked = 50;  // hits; the others stay where they are

// The installed model that does it best. Errors: model_not_found where none is installed.
ModelEntry reranking_model(const ModelStore& store);

// Orders the first kReranked of `results` by the model's probability that `text` describes them, which becomes their
// `relevance`. Pictures that cannot be read come last, with a warning. `progress` hears how many are done.
// Errors: cancelled.
void rerank(const PictureMatcher& matcher, const std::string& text, const PictureOptions& options,
            std::vector<FoundResult>& results, const CancelToken& cancel,
            const std::function<void(std::size_t done, std::size_t total)>& progress);

// The files of those first hits.
std::vector<std::string> paths_to_rerank(std::span<const FoundResult> results);

// The same by asking a remote model about each picture, eight at a time. Errors: those of rate_remotely.
void rerank_remotely(const RemoteAccess& access, const std::string& text, std::vector<FoundResult>& results,
                     const CancelToken& cancel,
                     const std::function<void(std::size_t done, std::size_t total)>& progress);

}  // namespace gaze
