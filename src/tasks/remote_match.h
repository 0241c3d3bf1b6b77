// How well texts fit pictures, by asking a remote model.
#pragma once

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

// How probable it is that each picture shows what `text` says, each for itself, in [0, 1]; not a number where a picture
// could not be read or the answer was none. Errors: those of ask_of_each.
std::vector<double> rate_remotely(const RemoteAccess& access, std::span<const std::string> pictures,
                                  const std::string& text, const CancelToken& cancel);

}  // namespace gaze
