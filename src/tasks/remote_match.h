// How well texts fit pictures, by asking a remote model.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "tasks/match.h"
#include "tasks/remote_access.h"

namespace gaze {

// The model's own estimate, made to add up to 1 ("softmax"); a logit is the logarithm of the probability.
// `image` may be "-". Errors: invalid_json (the model answered something else), and those of sending.
Matches match_remotely(const RemoteAccess& access, const std::string& image, std::span<const std::string> texts,
                       const CancelToken& cancel);

// `--dry-run`: the request that match_remotely would send, as describe_request gives it.
OrderedJson describe_match(const RemoteModel& model, const std::string& image, std::span<const std::string> texts,
                           const CancelToken& cancel);

// How probable it is that each picture shows what `text` says, each for itself, in [0, 1]; nothing where a picture
// cannot be read or the answer is no probability, with a warning. `progress` hears how many are done, from several
// threads, one at a time. Errors: those of ask_of_each.
std::vector<std::optional<double>> rate_remotely(
    const RemoteAccess& access, std::span<const std::string> pictures, const std::string& text,
    const CancelToken& cancel, const std::function<void(std::size_t done, std::size_t total)>& progress);

// `--dry-run`: the first request of rate_remotely, as describe_first; says on standard error what all would take out.
OrderedJson describe_rating(const RemoteAccess& access, std::span<const std::string> pictures, const std::string& text);

// True where no text has at least half of the probability: what `--route` asks a remote model about.
bool is_unsure(const Matches& matches);

}  // namespace gaze
