// What can go wrong for a user, as opposed to our own bugs (base/check.h).
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace gaze {

// Stable words that programs rely on: `--json` prints them, the HTTP API sends them.
enum class ErrorCode {
  model_not_found,
  unsupported_model,
  bad_weights,
  bad_image,
  image_too_large,
  usage,
  not_found,
  network,
  unauthorized,
  out_of_memory,
  library_locked,
  library_empty,
  library_damaged,
  cancelled,
  disk_full,
  invalid_json,
  limit_exceeded,
  internal,
};

std::string_view to_string(ErrorCode code);

// A refusal that a person can act on: `message` names what and where (file, tensor, byte), `hint` what to do.
// Both are in the user's language already.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, std::string hint = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
  std::string hint_;
};

}  // namespace gaze
