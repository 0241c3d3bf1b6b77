// The HTTP client against server.py: proxies, limits, bodies from files.
#include "providers/http.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "test_service.h"

namespace gaze {
namespace {

class HttpTest : public testing::Test {
 protected:
  TestService service_;
  CancelToken cancel_;
};

TEST_F(HttpTest, GoesThroughAProxy) {
  HttpOptions options;
  options.proxy = service_.url("");
  const HttpResponse response = HttpClient(options).send({.url = "http://service.invalid/files/picture.png"}, cancel_);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("CONTENT-TYPE"), "image/png");
  EXPECT_EQ(service_.requests().at(0)["headers"]["host"], "service.invalid");
}

TEST_F(HttpTest, RefusesAnswersBeyondItsLimits) {
  const auto fails = [&](const Json& fault, std::int64_t limit) {
    service_.misbehave(fault);
    const HttpRequest request{.url = service_.url("/x"), .answer_limit = limit};
    return error_of([&] { HttpClient().send(request, cancel_); }).code();
  };
  EXPECT_EQ(fails({{"path", "/x"}, {"body", std::string(1001, 'x')}}, 1000), ErrorCode::limit_exceeded);
  Json headers = Json::object();
  for (int i = 0; i < 60; ++i) headers["X-" + std::to_string(i)] = std::string(5000, 'x');
  EXPECT_EQ(fails({{"path", "/x"}, {"body", "x"}, {"headers", headers}}, 1000), ErrorCode::limit_exceeded);
  service_.misbehave({{"path", "/x"}, {"body", std::string(1000, 'x')}});
  EXPECT_EQ(HttpClient().send({.url = service_.url("/x"), .answer_limit = 1000}, cancel_).body.size(), 1000u);
}

TEST_F(HttpTest, SendsStretchesOfFilesInOrder) {
  const auto path = std::filesystem::temp_directory_path() / ("gaze-http-test-" + std::to_string(::getpid()));
  std::ofstream(path) << "0123456789";
  HttpRequest request{.method = "POST", .url = service_.url("/x")};
  request.body = {std::string("a"), FilePiece{path, 2, 3}, std::string("b"), FilePiece{path, 9, 1}};
  service_.misbehave({{"path", "/x"}, {"status", 307}, {"redirect", "/x"}});  // and again after a redirect
  HttpClient().send(request, cancel_);
  for (const Json& sent : service_.requests()) EXPECT_EQ(sent["body"], "YTIzNGI5");  // "a234b9"
  request.body = {FilePiece{path, 8, 100}};
  EXPECT_EQ(error_of([&] { HttpClient().send(request, cancel_); }).code(), ErrorCode::not_found);
  std::filesystem::remove(path);
  EXPECT_EQ(error_of([&] { HttpClient().send(request, cancel_); }).code(), ErrorCode::not_found);
}

TEST_F(HttpTest, NamesTheHostThatCannotBeReached) {
  const Error refused = error_of([&] { HttpClient().send({.url = "http://127.0.0.1:1/x"}, cancel_); });
  EXPECT_EQ(refused.code(), ErrorCode::network);
  EXPECT_THAT(refused.message(), testing::HasSubstr("127.0.0.1"));
  const HttpRequest split{.url = service_.url("/x"), .headers = {{"Authorization", "Bearer a\r\nX-Evil: 1"}}};
  EXPECT_EQ(error_of([&] { HttpClient().send(split, cancel_); }).code(), ErrorCode::usage);
  EXPECT_TRUE(service_.requests().empty());
}

TEST(Tls, TrustsAnOwnAuthorityOnlyWhereItIsNamed) {
  const auto folder = std::filesystem::temp_directory_path() / ("gaze-tls-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const TestService service(folder);
  const ScopedEnvironment file("SSL_CERT_FILE", ""), bundle("CURL_CA_BUNDLE", "");
  const auto fetch = [&](const std::string& url, const HttpOptions& options) {
    return HttpClient(options).send({.url = url}, CancelToken()).status;
  };
  const std::string url = service.url("/files/picture.png");
  const Error unknown = error_of([&] { fetch(url, http_options_from_environment()); });
  EXPECT_EQ(unknown.code(), ErrorCode::network);
  EXPECT_THAT(unknown.message(), testing::HasSubstr("not trusted"));
  EXPECT_THAT(unknown.hint(), testing::HasSubstr("SSL_CERT_FILE"));
  EXPECT_TRUE(service.requests().empty());

  for (const char* variable : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    const ScopedEnvironment ca(variable, folder / "ca.pem");
    EXPECT_EQ(fetch(url, http_options_from_environment()), 200) << variable;
    // The certificate is for 127.0.0.1 and for no other name.
    const std::string other_name = "https://localhost" + url.substr(url.rfind(':'));
    EXPECT_EQ(error_of([&] { fetch(other_name, http_options_from_environment()); }).code(), ErrorCode::network);
  }
  EXPECT_EQ(service.requests().size(), 2u);
  for (const char* wrong : {"server.key", "none.pem"}) {
    const Error broken = error_of([&] { fetch(url, HttpOptions{.ca_file = folder / wrong}); });
    EXPECT_EQ(broken.code(), ErrorCode::network) << wrong;
    EXPECT_THAT(broken.hint(), testing::HasSubstr("SSL_CERT_FILE")) << wrong;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gaze
