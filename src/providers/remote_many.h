// Many requests, a few at a time.
#pragma once

#include <cstddef>
#include <functional>

#include "base/cancel.h"

namespace gaze {

// Calls `work` once with every number below `count`, `at_once` calls at a time, each on its own thread of the few; they
// mostly wait for an answer. A call that throws ends the run: those under way finish, no new ones begin, and the first
// error is thrown. What must not end the run is caught inside `work`. Errors also: cancelled.
void run_at_once(std::size_t count, int at_once, const CancelToken& cancel,
                 const std::function<void(std::size_t)>& work);

}  // namespace gaze
