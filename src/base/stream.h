// Reading what may take its time to come: standard input, pipes.
#pragma once

#include <cstdint>
#include <string>

#include "base/cancel.h"
#include "base/file.h"

namespace gaze {

// read_stream (base/file.h) that can be stopped, also while nothing comes. Errors: as there, and cancelled.
Bytes read_stream(int descriptor, const std::string& name, std::int64_t limit, const CancelToken& cancel);

}  // namespace gaze
