#include "base/error.h"

#include <utility>

#include "base/check.h"

namespace gaze {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::model_not_found:
      return "model_not_found";
    case ErrorCode::unsupported_model:
      return "unsupported_model";
    case ErrorCode::bad_weights:
      return "bad_weights";
    case ErrorCode::bad_image:
      return "bad_image";
    case ErrorCode::image_too_large:
      return "image_too_large";
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::network:
      return "network";
    case ErrorCode::unauthorized:
      return "unauthorized";
    case ErrorCode::out_of_memory:
      return "out_of_memory";
    case ErrorCode::library_locked:
      return "library_locked";
    case ErrorCode::library_empty:
      return "library_empty";
    case ErrorCode::library_damaged:
      return "library_damaged";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::disk_full:
      return "disk_full";
    case ErrorCode::invalid_json:
      return "invalid_json";
    case ErrorCode::limit_exceeded:
      return "limit_exceeded";
    case ErrorCode::internal:
      return "internal";
  }
  GAZE_CHECK(false);
  return "internal";
}

Error::Error(ErrorCode code, std::string message, std::string hint)
    : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

}  // namespace gaze
