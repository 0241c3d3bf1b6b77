// The test server (server.py) as a child process, and what a test asks of it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/json.h"
#include "providers/http.h"
#include "providers/retry.h"

namespace gaze {

inline const std::string kTestKey = "sk-test-4f1d8c27a90b5e63";  // openai_service.py's KEY

class TestService {
 public:
  // `tls_folder`: the first origin speaks https with a certificate of the authority in its ca.pem, which is made.
  explicit TestService(const std::filesystem::path& tls_folder = {});
  ~TestService();

  std::string url(const std::string& path) const { return scheme_ + "://127.0.0.1:" + std::to_string(port_) + path; }
  std::string other_url(const std::string& path) const;  // the same services at another origin

  void misbehave(const Json& fault) const;
  std::vector<Json> requests() const;  // since the last call
  static Json body_of(const Json& request);
  // A multipart form, its fields in order: {{name, file name, type, value}, …}.
  static std::vector<std::vector<std::string>> form_of(const Json& request);

 private:
  const std::string scheme_;
  int port_ = 0, other_port_ = 0;
  int input_ = -1;  // closing it ends the server
  int process_ = -1;
};

// Retries that do not make a test wait.
inline RetryPolicy quick_retries() {
  using std::chrono::milliseconds;
  return {5, milliseconds(1), milliseconds(5), milliseconds(2'000)};
}

// The error that `action` throws; fails the test where it throws none.
Error error_of(const std::function<void()>& action);

// Sets an environment variable for one scope; an empty value removes it.
class ScopedEnvironment {
 public:
  ScopedEnvironment(std::string name, const std::string& value);
  ~ScopedEnvironment();

 private:
  std::string name_, before_;
};

}  // namespace gaze
