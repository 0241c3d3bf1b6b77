// Gemini against server.py.
#include "providers/gemini.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kKey = "AIza-test-9c1e7d4f8a26b3";  // gemini_service.py's KEY
const std::string kAnswer = "这张图片里有一只猫 🐱 and a dog.\nÇa va?";

class GeminiTest : public testing::Test {
 protected:
  std::unique_ptr<RemoteModel> open(const std::string& name, const std::string& key = kKey) const {
    const ModelSpec spec{Service::gemini, name, service_.url(""), "gemini:" + name};
    return std::make_unique<GeminiModel>(spec, Secret(key), RemoteOptions{{}, quick_retries()},
                                         std::chrono::milliseconds(1));
  }
  static ChatRequest question(const std::string& text = "这张图片里有什么？") {
    PreparedPicture picture{{std::byte{1}, std::byte{2}, std::byte{3}}, "image/jpeg", 1, 1};
    ChatRequest request;
    request.messages.push_back({Role::user, {TextPart{text}, PicturePart{picture}}});
    return request;
  }
  std::filesystem::path file(const std::string& name, std::int64_t size, const std::string& begin = "") const {
    const auto path = std::filesystem::temp_directory_path() / ("gaze-gemini-" + std::to_string(::getpid()) + name);
    std::ofstream(path) << begin;
    std::filesystem::resize_file(path, static_cast<std::uintmax_t>(size));
    return path;
  }
  static ChatRequest about(const std::filesystem::path& path) {
    ChatRequest request;
    request.messages.push_back({Role::user, {FilePart{path, "video/mp4"}, TextPart{"什么？"}}});
    return request;
  }

  TestService service_;
  CancelToken cancel_;
};

TEST_F(GeminiTest, SendsExactlyThePublishedRequest) {
  ChatRequest request = question();
  request.system = "简短";
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.top_k = 3;
  request.seed = 7;
  const ChatAnswer answer = open("gemini-2.5-flash")->chat(request, cancel_);
  EXPECT_EQ(answer.text, kAnswer);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.usage.prompt_tokens, 30);
  EXPECT_EQ(answer.usage.completion_tokens, 14);
  const Json sent = service_.requests().at(0);
  EXPECT_EQ(sent["path"], "/v1beta/models/gemini-2.5-flash:generateContent");
  EXPECT_EQ(sent["headers"]["x-goog-api-key"], kKey);
  EXPECT_EQ(TestService::body_of(sent), Json::parse(R"({
    "contents": [{"role": "user", "parts": [{"text": "这张图片里有什么？"},
                                            {"inlineData": {"mimeType": "image/jpeg", "data": "AQID"}}]}],
    "systemInstruction": {"role": "user", "parts": [{"text": "简短"}]},
    "generationConfig": {"temperature": 0.5, "topP": 0.9, "topK": 3, "seed": 7, "maxOutputTokens": 500}})"));
}

TEST_F(GeminiTest, StreamsAcrossOddBorders) {
  for (const Json& split : {Json{1}, Json{2, 3, 1, 7}, Json{4096}}) {
    service_.misbehave({{"path", "/v1beta/models"}, {"split", split}});
    std::string streamed;
    const ChatAnswer answer =
        open("gemini-2.5-flash")->chat(question(), cancel_, [&](std::string_view text) { streamed += text; });
    EXPECT_EQ(streamed, kAnswer);
    EXPECT_EQ(answer.text, kAnswer);
    EXPECT_EQ(answer.finish_reason, "stop");
  }
  EXPECT_EQ(service_.requests().back()["query"]["alt"], "sse");
}

TEST_F(GeminiTest, ReportsBlocksAndLimitsAsSuch) {
  for (const bool stream : {false, true}) {
    const TextSink sink = stream ? [](std::string_view) {} : TextSink();
    const Error blocked = error_of([&] { open("g")->chat(question("blocked"), cancel_, sink); });
    EXPECT_EQ(blocked.code(), ErrorCode::usage);
    EXPECT_THAT(blocked.message(), HasSubstr("SAFETY"));
    EXPECT_EQ(open("g")->chat(question("unsafe"), cancel_, sink).finish_reason, "content_filter");
    ChatRequest brief = question();
    brief.max_tokens = 2;
    EXPECT_EQ(open("g")->chat(brief, cancel_, sink).finish_reason, "length");
  }
  EXPECT_EQ(error_of([&] { open("no-such")->chat(question(), cancel_); }).code(), ErrorCode::model_not_found);
  const Error wrong = error_of([&] { open("g", "AIza-wrong-key-0123456789")->chat(question(), cancel_); });
  EXPECT_EQ(wrong.code(), ErrorCode::unauthorized);
  EXPECT_THAT(wrong.message(), Not(HasSubstr("AIza")));
  EXPECT_THAT(error_of([&] { open("g", "")->chat(question(), cancel_); }).hint(), HasSubstr("GEMINI_API_KEY"));
  service_.misbehave({{"path", "/v1beta/models"}, {"status", 503}, {"times", 2}});
  EXPECT_EQ(open("g")->chat(question(), cancel_).text, kAnswer);
  service_.misbehave({{"path", "/v1beta/models"}, {"cut", 250}});
  EXPECT_THROW(open("g")->chat(question(), cancel_, [](std::string_view) {}), BrokenAnswer);
}

TEST_F(GeminiTest, CallsToolsAndFollowsSchemas) {
  ChatRequest request = question();
  request.tools.push_back({"weather", "The weather", OrderedJson::parse(R"({"type":"object"})")});
  const ChatAnswer call = open("g")->chat(request, cancel_);
  EXPECT_EQ(call.finish_reason, "tool_calls");
  EXPECT_EQ(call.tool_calls.at(0).name, "weather");
  EXPECT_EQ(Json::parse(call.tool_calls.at(0).arguments)["place"], "北京");
  request.messages.push_back({Role::assistant, {}, call.tool_calls});
  request.messages.push_back({Role::tool, {TextPart{"晴"}}, {}, "", "weather"});
  EXPECT_EQ(open("g")->chat(request, cancel_).text, kAnswer);
  request = question();
  request.schema = {"animals", OrderedJson::parse(R"({"type":"object"})")};
  EXPECT_EQ(Json::parse(open("g")->chat(request, cancel_).text)["animals"][0], "猫");
}

TEST_F(GeminiTest, UploadsWhatIsTooLargeAndDeletesItAfterwards) {
  const auto path = file(".mp4", 14 * MiB + 17);
  EXPECT_THAT(describe(open("g")->chat_request(about(path), false)).dump(), HasSubstr("uploaded first"));
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(open("g")->chat(about(path), cancel_).text, kAnswer);
  const auto requests = service_.requests();
  std::vector<std::string> steps;
  for (const Json& request : requests) {
    EXPECT_EQ(request["port"], requests[0]["port"]);  // though the service named another host for the upload
    steps.push_back(request["method"].get<std::string>() + " " + request["path"].get<std::string>() + " " +
                    request["headers"].value("x-goog-upload-command", ""));
  }
  EXPECT_THAT(steps,
              testing::ElementsAre("POST /upload/v1beta/files start", "POST /upload-session/files/upload0 upload",
                                   "POST /upload-session/files/upload0 upload, finalize", "GET /v1beta/files/upload0 ",
                                   "GET /v1beta/files/upload0 ", "POST /v1beta/models/g:generateContent ",
                                   "DELETE /v1beta/files/upload0 "));
  EXPECT_EQ(TestService::body_of(requests[5])["contents"][0]["parts"][0],
            Json({{"fileData", {{"fileUri", service_.url("/v1beta/files/upload0")}, {"mimeType", "video/mp4"}}}}));
  std::filesystem::remove(path);
  EXPECT_EQ(error_of([&] { open("g")->chat(about(path), cancel_); }).code(), ErrorCode::not_found);
}

TEST_F(GeminiTest, GoesOnWithAnUploadThatBroke) {
  const auto path = file(".mp4", 14 * MiB);
  service_.misbehave({{"path", "/upload-session/"}, {"close", true}, {"times", 2}});
  EXPECT_EQ(open("g")->chat(about(path), cancel_).text, kAnswer);
  service_.misbehave({{"path", "/upload-session/"}, {"status", 503}, {"times", 1}});
  EXPECT_EQ(open("g")->chat(about(path), cancel_).text, kAnswer);
  service_.misbehave({{"path", "/upload-session/"}, {"close", true}, {"times", 100}});
  EXPECT_EQ(error_of([&] { open("g")->chat(about(path), cancel_); }).code(), ErrorCode::network);
  std::filesystem::remove(path);

  const auto unreadable = file("2.mp4", 14 * MiB, "unreadable");
  service_.misbehave({{"path", "/nothing"}});
  EXPECT_EQ(error_of([&] { open("g")->chat(about(unreadable), cancel_); }).code(), ErrorCode::usage);
  EXPECT_EQ(service_.requests().back()["method"], "DELETE");
  std::filesystem::remove(unreadable);
}

TEST_F(GeminiTest, MakesPicturesInBothWays) {
  EXPECT_EQ(
      open("gemini-2.5-flash-image")->generate_images({.prompt = "猫", .size = "1280x720", .count = 2}, cancel_).size(),
      2u);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["generationConfig"],
            Json::parse(R"({"responseModalities":["TEXT","IMAGE"],"imageConfig":{"aspectRatio":"16:9"}})"));
  EXPECT_EQ(open("imagen-4.0-generate-001")->generate_images({.prompt = "猫", .count = 2}, cancel_).size(), 2u);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0)),
            Json::parse(R"({"instances":[{"prompt":"猫"}],"parameters":{"sampleCount":2}})"));
  EXPECT_EQ(error_of([&] { open("imagen-4")->generate_images({.prompt = "x", .size = "big"}, cancel_); }).code(),
            ErrorCode::usage);
}

TEST_F(GeminiTest, EmbedsTextsAndListensToSound) {
  EXPECT_EQ(open("gemini-embedding-001")->embed({"a", "b"}, 0, cancel_).vectors,
            (std::vector<std::vector<float>>{{0, 1}, {0.25, 1}}));
  EXPECT_EQ(TestService::body_of(service_.requests().at(0)), Json::parse(R"({"requests": [
    {"content": {"parts": [{"text": "a"}], "role": "user"}, "model": "models/gemini-embedding-001"},
    {"content": {"parts": [{"text": "b"}], "role": "user"}, "model": "models/gemini-embedding-001"}]})"));
  const auto path = file(".wav", 1000);
  ChatRequest request;
  request.messages.push_back({Role::user, {FilePart{path, "audio/wav"}, TextPart{"Write down what is said."}}});
  EXPECT_EQ(open("g")->chat(request, cancel_).text, kAnswer);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace gaze
