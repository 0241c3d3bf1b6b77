// The parts of providers that need no server: event streams, redaction, addresses, model names, keys, waits.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "providers/encoding.h"
#include "providers/keys.h"
#include "providers/model_spec.h"
#include "providers/redact.h"
#include "providers/retry.h"
#include "providers/sse.h"
#include "providers/url.h"

namespace gaze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error was thrown";
  return ErrorCode::internal;
}

std::vector<std::string> events_of(const std::string& stream, std::size_t piece) {
  std::vector<std::string> events;
  SseParser parser([&](const SseEvent& event) { events.push_back(event.type + "|" + event.data); });
  for (std::size_t i = 0; i < stream.size(); i += piece) parser.feed(std::string_view(stream).substr(i, piece));
  return events;
}

TEST(Sse, ReadsEveryLineEndInPiecesOfAnySize) {
  const std::string stream =
      "\xEF\xBB\xBF: a comment\n\ndata: 图片\r\n\r\nevent: delta\rdata:one\rdata:  two\rid: 7\r\r"
      "data\n\nevent: nothing\n\nretry: 5\ndata: {\"a\": \"b: c\"}\n\ndata: never ended";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EXPECT_THAT(events_of(stream, piece), ElementsAre("|图片", "delta|one\n two", "|", "|{\"a\": \"b: c\"}")) << piece;
  }
}

TEST(Sse, RefusesAnEndlessEvent) {
  SseParser parser([](const SseEvent&) {}, 100);
  parser.feed("data: " + std::string(90, 'x') + "\n\n");
  EXPECT_EQ(code_of([&] {
              for (int i = 0; i < 100; ++i) parser.feed("data: 123456789\n");
            }),
            ErrorCode::limit_exceeded);
}

TEST(Redact, MasksWholeAndQuotedKeys) {
  const Secret secret("sk-proj-abcdefghijklmnop");
  const auto masked = [&](const std::string& text) { return redact(text, std::span(&secret, 1)); };
  EXPECT_EQ(masked("key sk-proj-abcdefghijklmnop, twice sk-proj-abcdefghijklmnop."), "key ***, twice ***.");
  EXPECT_EQ(masked("Incorrect: 'sk-proj-****mnop'"), "Incorrect: '***'");
  EXPECT_EQ(masked("nothing here"), "nothing here");
  const Secret none, brief("abc");
  EXPECT_EQ(redact("abcdef", std::span(&none, 1)), "abcdef");
  EXPECT_EQ(redact("abcdef", std::span(&brief, 1)), "***def");
}

TEST(Url, TellsOriginsApart) {
  EXPECT_EQ(Url("https://API.example.com/v1?x=1#f").origin(), "https://api.example.com:443");
  EXPECT_EQ(Url("https://api.example.com:443/").origin(), Url("https://api.example.com").origin());
  EXPECT_NE(Url("http://api.example.com").origin(), Url("https://api.example.com").origin());
  EXPECT_NE(Url("http://a.com:8000").origin(), Url("http://a.com").origin());
  EXPECT_EQ(Url("https://a.com/b?key=secret").for_people(), "https://a.com/b");
  EXPECT_EQ(Url("https://a.com/b/c").resolve("../d").text(), "https://a.com/d");
  EXPECT_EQ(Url("https://a.com/b").resolve("//evil.com/x").host(), "evil.com");
  EXPECT_TRUE(Url("http://127.0.0.1:8000/v1").is_loopback());
  EXPECT_TRUE(Url("http://[::1]:8000/v1").is_loopback());
  EXPECT_FALSE(Url("http://127.evil.com/").is_loopback());
  for (const char* bad : {"", "a.com/x y", "file:///etc/passwd", "ftp://a.com", "http://", "https://user:key@a.com/",
                          "http://a.com:99999/", "javascript:alert(1)"}) {
    EXPECT_EQ(code_of([&] { Url url(bad); }), ErrorCode::usage) << bad;
  }
  EXPECT_EQ(percent_encode("图/a b", "/"), "%E5%9B%BE/a%20b");
}

// Plain addresses are read without libcurl; a fragment, which is dropped, makes it read the same address.
TEST(Url, PlainAddressesReadAsLibcurlReadsThem) {
  for (const std::string text : {"http://a.com",
                                 "https://api.openai.com/v1",
                                 "http://127.0.0.1:43117/v1",
                                 "http://localhost:8000/v1/",
                                 "http://h",
                                 "https://a-b.c-d.example:8443/x/y.z/~u_v",
                                 "https://a.com:80/",
                                 "http://a.com:443",
                                 "https://a.com:443/v1",
                                 "http://a.com:080/",
                                 "http://a.com:65535/x",
                                 "https://a.com//x",
                                 "https://a.com/.../x",
                                 "https://a.com/a/../b",
                                 "https://a.com/./b",
                                 "https://A.com/V1",
                                 "http://127.1/",
                                 "http://0x7f.0.0.1/",
                                 "http://1.2.3.4/",
                                 "http://a..b/",
                                 "http://a./",
                                 "http://a.com?x=1",
                                 "http://a.com/%7Ex"}) {
    const Url url(text), by_libcurl(text + "#");
    EXPECT_EQ(url.text(), by_libcurl.text()) << text;
    EXPECT_EQ(url.scheme(), by_libcurl.scheme()) << text;
    EXPECT_EQ(url.host(), by_libcurl.host()) << text;
    EXPECT_EQ(url.origin(), by_libcurl.origin()) << text;
  }
  for (const std::string bad :
       {"http://a.com:65536/", "http://a.com:0x/", "http://:80/", "http://-:/x y", "http://./ "}) {
    EXPECT_EQ(code_of([&] { Url url(bad); }), ErrorCode::usage) << bad;
  }
}

TEST(ModelSpec, ReadsTheThreeForms) {
  for (const char* name : {"OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_KEY", "GOOGLE_GEMINI_BASE_URL"}) {
    ::unsetenv(name);
  }
  const ModelSpec openai = parse_model_spec("openai:gpt-4o");
  EXPECT_EQ(openai.service, Service::openai);
  EXPECT_EQ(openai.name, "gpt-4o");
  EXPECT_EQ(openai.base_url, "https://api.openai.com/v1");
  EXPECT_EQ(parse_model_spec("gemini:gemini-2.5-flash").base_url, "https://generativelanguage.googleapis.com");
  const ModelSpec own = parse_model_spec("http://host:8000/v1/#org/qwen2.5-vl");
  EXPECT_EQ(own.service, Service::compatible);
  EXPECT_EQ(own.name, "org/qwen2.5-vl");
  EXPECT_EQ(own.base_url, "http://host:8000/v1");
  EXPECT_EQ(parse_model_spec("https://mine.openai.azure.com#gpt").service, Service::azure);
  for (const char* local : {"gaze-mini", "openai/clip-vit-base-patch32", "./model.gguf", "C:/x"}) {
    EXPECT_FALSE(is_remote_model(local)) << local;
  }
  for (const char* bad :
       {"openai:", "gemini:", "http://host:8000/v1", "http://host:8000/v1#", "http://u:p@host/v1#m"}) {
    EXPECT_TRUE(is_remote_model(bad));
    EXPECT_EQ(code_of([&] { parse_model_spec(bad); }), ErrorCode::usage) << bad;
  }
  ::setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/", 1);
  EXPECT_EQ(parse_model_spec("openai:gpt-4o").service, Service::azure);
  EXPECT_EQ(parse_model_spec("openai:gpt-4o").base_url, "https://mine.openai.azure.com");
  ::setenv("OPENAI_BASE_URL", "http://localhost:1/v1/", 1);
  EXPECT_EQ(parse_model_spec("openai:gpt-4o").base_url, "http://localhost:1/v1");
  ::unsetenv("AZURE_OPENAI_ENDPOINT");
  ::unsetenv("OPENAI_BASE_URL");
}

TEST(Keys, GoOnlyWhereTheyBelong) {
  const auto folder = std::filesystem::temp_directory_path() / ("gaze-keys-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "gaze");
  ::setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
  ::unsetenv("GEMINI_API_KEY");
  ::unsetenv("GOOGLE_API_KEY");
  ::unsetenv("OPENAI_BASE_URL");
  ::setenv("OPENAI_API_KEY", "from-environment", 1);
  ::setenv("OPENROUTER_API_KEY", "for-openrouter", 1);
  const auto key = [](const char* model) { return find_key(parse_model_spec(model)).reveal(); };
  EXPECT_EQ(key("openai:gpt-4o"), "from-environment");
  EXPECT_EQ(key("https://elsewhere.example/v1#m"), "");
  EXPECT_EQ(key("http://localhost:8000/v1#m"), "from-environment");
  EXPECT_EQ(key("https://openrouter.ai/api/v1#m"), "for-openrouter");
  ::setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1", 1);
  EXPECT_EQ(key("https://elsewhere.example/v1#m"), "from-environment");

  std::ofstream(keys_file()) << R"({"gemini": "from-file", "third.example": "third"})";
  ::chmod(keys_file().c_str(), 0644);
  EXPECT_EQ(code_of([&] { key("gemini:x"); }), ErrorCode::unauthorized);
  ::chmod(keys_file().c_str(), 0600);
  EXPECT_EQ(key("gemini:x"), "from-file");
  EXPECT_EQ(key("https://third.example/v1#m"), "third");
  std::ofstream(keys_file()) << "{";
  EXPECT_EQ(code_of([&] { key("gemini:x"); }), ErrorCode::invalid_json);
  for (const char* name : {"XDG_CONFIG_HOME", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "OPENAI_BASE_URL"})
    ::unsetenv(name);
  std::filesystem::remove_all(folder);
}

TEST(Retry, ReadsWhatAServiceAsks) {
  const auto wait = [](const char* name, const std::string& value) {
    const auto found = asked_wait({.status = 429, .url = "", .headers = {{name, value}}, .body = ""});
    return found ? found->count() : -1;
  };
  EXPECT_EQ(wait("Retry-After", "2"), 2000);
  EXPECT_EQ(wait("retry-after-ms", "150"), 150);
  EXPECT_EQ(wait("Retry-After", "1.5"), 1500);
  EXPECT_EQ(wait("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"), 0);  // past
  EXPECT_GT(wait("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT"), 1'000'000);
  for (const char* odd : {"", "soon", "-5", "nan", "inf", "1e999", "5 minutes"})
    EXPECT_EQ(wait("Retry-After", odd), -1) << odd;
}

TEST(Encoding, MatchesTheRfc) {
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  EXPECT_EQ(base64_encode(bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(base64_encode(bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(base64_encode({}), "");
  const auto decoded = [](std::string_view text) {
    const Bytes found = base64_decode(text, "test");
    return std::string(reinterpret_cast<const char*>(found.data()), found.size());
  };
  EXPECT_EQ(decoded("Zm9vYg=="), "foob");
  EXPECT_EQ(decoded("Zm9vYg"), "foob");
  EXPECT_EQ(decoded("_-8="), "\xFF\xEF");
  for (const char* bad : {"Zm9v!", "Z", "Zm=v"})
    EXPECT_EQ(code_of([&] { base64_decode(bad, "t"); }), ErrorCode::invalid_json);
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace gaze
