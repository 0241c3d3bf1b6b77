#include "test_service.h"

#include <cstdlib>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "providers/encoding.h"

namespace gaze {
namespace {

std::string bytes_of(const Json& request) {
  const Bytes bytes = base64_decode(request.at("body").get<std::string>(), "test");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TestService::TestService(const std::filesystem::path& tls_folder) : scheme_(tls_folder.empty() ? "http" : "https") {
  int to_child[2], from_child[2];
  GAZE_CHECK(::pipe2(to_child, O_CLOEXEC) == 0 && ::pipe2(from_child, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_child[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from_child[1], 1);
  const char* arguments[] = {"python3", "-B", GAZE_SOURCE_DIR "/tests/providers/server.py",
                             tls_folder.empty() ? nullptr : tls_folder.c_str(), nullptr};
  GAZE_CHECK(::posix_spawnp(&process_, "python3", &actions, nullptr, const_cast<char**>(arguments), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(to_child[0]);
  ::close(from_child[1]);
  input_ = to_child[1];

  std::string line;
  for (char c; ::read(from_child[0], &c, 1) == 1 && c != '\n';) line += c;
  ::close(from_child[0]);
  std::istringstream(line) >> port_ >> other_port_;
  GAZE_CHECK(port_ > 0 && other_port_ > 0);
}

TestService::~TestService() {
  ::close(input_);
  ::waitpid(process_, nullptr, 0);
}

std::string TestService::other_url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(other_port_) + path;
}

void TestService::misbehave(const Json& fault) const {
  HttpRequest request{
      .method = "POST", .url = other_url("/__control/faults"), .headers = {}, .body = {Json::array({fault}).dump()}};
  GAZE_CHECK(HttpClient().send(request, CancelToken()).status == 200);
}

std::vector<Json> TestService::requests() const {
  const HttpResponse response = HttpClient().send({.url = other_url("/__control/requests")}, CancelToken());
  return Json::parse(response.body).get<std::vector<Json>>();
}

Json TestService::body_of(const Json& request) {
  return Json::parse(bytes_of(request));
}

std::vector<std::vector<std::string>> TestService::form_of(const Json& request) {
  const std::string body = bytes_of(request), kind = request.at("headers").at("content-type").get<std::string>();
  const std::string border = "--" + kind.substr(kind.find("boundary=") + 9);
  std::vector<std::vector<std::string>> fields;
  for (std::size_t begin = border.size() + 2, end; (end = body.find("\r\n" + border, begin)) != std::string::npos;
       begin = end + border.size() + 4) {
    const std::size_t blank = body.find("\r\n\r\n", begin);
    const std::string head = body.substr(begin, blank - begin) + "\r\n";
    const auto between = [&](const std::string& before, const std::string& after) {
      const std::size_t from = head.find(before);
      if (from == std::string::npos) return std::string();
      return head.substr(from + before.size(), head.find(after, from + before.size()) - from - before.size());
    };
    fields.push_back({between(" name=\"", "\""), between("filename=\"", "\""), between("Content-Type: ", "\r\n"),
                      body.substr(blank + 4, end - blank - 4)});
  }
  return fields;
}

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return {ErrorCode::internal, ""};
}

ScopedEnvironment::ScopedEnvironment(std::string name, const std::string& value) : name_(std::move(name)) {
  if (const char* before = std::getenv(name_.c_str())) before_ = before;
  value.empty() ? ::unsetenv(name_.c_str()) : ::setenv(name_.c_str(), value.c_str(), 1);
}

ScopedEnvironment::~ScopedEnvironment() {
  before_.empty() ? ::unsetenv(name_.c_str()) : ::setenv(name_.c_str(), before_.c_str(), 1);
}

}  // namespace gaze
