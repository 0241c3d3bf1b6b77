// An input of many that could not be done; the others were.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace gaze {

struct FailedInput {
  std::filesystem::path path;  // as given by the user
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

}  // namespace gaze
