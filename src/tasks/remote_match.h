// How well texts fit pictures, by asking a remote model.
#pragma once

#include <span>
#include <string>

#include "base/cancel.h"
#include "tasks/match.h"
#include "tasks/remote_access.h"

namespace gaze {

// The model's own estimate, made to add up to 1 ("softmax"); a logit is the logarithm of the probability.
// `image` may be "-". Errors: invalid_json (the model answered something else), and those of sending.
Matches match_remotely(const RemoteAccess& access, const std::string& image, std::span<const std::string> texts,
                       const CancelToken& cancel);

// True where no text has at least half of the probability: what `--route` asks a remote model about.
bool is_unsure(const Matches& matches);

}  // namespace gaze
