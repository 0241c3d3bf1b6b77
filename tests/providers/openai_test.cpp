// OpenAI, Azure and compatible servers against server.py.
#include "providers/openai.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "media/encode.h"
#include "providers/encoding.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kAnswer = "这张图片里有一只猫 🐱 and a dog.\nÇa va?";  // openai_service.py's ANSWER

class OpenAiTest : public testing::Test {
 protected:
  std::unique_ptr<RemoteModel> open(const std::string& name, const std::string& key = kTestKey) const {
    const ModelSpec spec{Service::openai, name, service_.url("/v1"), "openai:" + name};
    return std::make_unique<OpenAiModel>(spec, Secret(key), RemoteOptions{{}, quick_retries()});
  }
  std::unique_ptr<RemoteModel> open_compatible(const std::string& name) const {
    const ModelSpec spec{Service::compatible, name, service_.url("/compatible/v1"), "url#" + name};
    return std::make_unique<OpenAiModel>(spec, Secret(kTestKey), RemoteOptions{{}, quick_retries()});
  }
  static ChatRequest question() {
    PreparedPicture picture{{std::byte{1}, std::byte{2}, std::byte{3}}, "image/jpeg", 1, 1};
    ChatRequest request;
    request.messages.push_back({Role::user, {TextPart{"这张图片里有什么？详细描述一下。"}, PicturePart{picture}}});
    return request;
  }

  TestService service_;
  CancelToken cancel_;
};

TEST_F(OpenAiTest, SendsExactlyTheTutorialsRequest) {
  const ChatAnswer answer = open("gpt-4o")->chat(question(), cancel_);
  EXPECT_EQ(answer.text, kAnswer);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.usage.prompt_tokens, 17);
  const auto requests = service_.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0]["path"], "/v1/chat/completions");
  EXPECT_EQ(requests[0]["headers"]["authorization"], "Bearer " + kTestKey);
  EXPECT_EQ(requests[0]["headers"]["content-type"], "application/json");
  EXPECT_EQ(TestService::body_of(requests[0]), Json::parse(R"({
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": [
      {"type": "text", "text": "这张图片里有什么？详细描述一下。"},
      {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AQID"}}]}],
    "max_tokens": 500})"));
}

TEST_F(OpenAiTest, StreamsAcrossOddBorders) {
  for (const Json& split : {Json{1}, Json{2, 3, 1, 7}, Json{4096}, Json{5, 1, 1, 1}}) {
    service_.misbehave({{"path", "/v1/chat"}, {"split", split}});
    std::string streamed;
    int pieces = 0;
    const ChatAnswer answer = open("gpt-4o")->chat(question(), cancel_, [&](std::string_view text) {
      EXPECT_EQ(to_valid_utf8(text), text);
      streamed += text;
      ++pieces;
    });
    EXPECT_EQ(streamed, kAnswer);
    EXPECT_EQ(answer.text, kAnswer);
    EXPECT_EQ(answer.finish_reason, "stop");
    EXPECT_EQ(answer.usage.completion_tokens, 7);
    EXPECT_GT(pieces, 10);
  }
  const Json body = TestService::body_of(service_.requests().back());
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["stream_options"], Json({{"include_usage", true}}));
}

TEST_F(OpenAiTest, SendsOnlyTheOptionsThatAreSet) {
  ChatRequest request = question();
  request.system = "简短";
  request.max_tokens = 3;
  request.temperature = 0.5;
  request.top_p = 0.9;
  request.seed = 7;
  request.detail = "low";
  const ChatAnswer answer = open("o3")->chat(request, cancel_);
  EXPECT_EQ(answer.finish_reason, "length");
  const Json body = TestService::body_of(service_.requests().at(0));
  EXPECT_EQ(body["messages"][0], Json({{"role", "system"}, {"content", "简短"}}));
  EXPECT_EQ(body["messages"][1]["content"][1]["image_url"]["detail"], "low");
  EXPECT_EQ(body["max_completion_tokens"], 3);
  EXPECT_FALSE(body.contains("max_tokens"));
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["top_p"], 0.9);
  EXPECT_EQ(body["seed"], 7);

  request.system = "quotes \" and \\ and\nlines \x01 \xFF end";  // in JSON as they must be
  open("o3")->chat(request, cancel_);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["messages"][0]["content"],
            "quotes \" and \\ and\nlines \x01 \uFFFD end");

  request.top_k = 5;
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(request, cancel_); }).code(), ErrorCode::usage);
  EXPECT_TRUE(service_.requests().empty());
  open_compatible("qwen2.5-vl")->chat(request, cancel_);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["top_k"], 5);
}

TEST_F(OpenAiTest, CallsToolsAndFollowsSchemas) {
  ChatRequest request;
  request.messages.push_back({Role::user, {TextPart{"天气？"}}});
  request.tools.push_back(
      {"weather", "The weather at a place", OrderedJson::parse(R"({"type":"object","properties":{}})")});
  for (const bool stream : {false, true}) {
    const ChatAnswer answer = open("gpt-4o")->chat(request, cancel_, stream ? [](std::string_view) {} : TextSink());
    EXPECT_EQ(answer.finish_reason, "tool_calls");
    ASSERT_EQ(answer.tool_calls.size(), 1u);
    EXPECT_EQ(answer.tool_calls[0].name, "weather");
    EXPECT_EQ(answer.tool_calls[0].arguments, R"({"place":"北京"})");
  }
  request.messages.push_back({Role::assistant, {}, {{"call_1", "weather", "{}"}}});
  request.messages.push_back({Role::tool, {TextPart{"晴"}}, {}, "call_1"});
  EXPECT_EQ(open("gpt-4o")->chat(request, cancel_).text, kAnswer);

  request = question();
  request.schema = {"animals", OrderedJson::parse(R"({"type":"object"})")};
  EXPECT_EQ(Json::parse(open("gpt-4o")->chat(request, cancel_).text)["animals"][0], "猫");
}

TEST_F(OpenAiTest, SpeaksAzuresForm) {
  const ScopedEnvironment version("OPENAI_API_VERSION", "2024-10-21");
  const ModelSpec spec{Service::azure, "my-deployment", service_.url(""), "openai:my-deployment"};
  const OpenAiModel model(spec, Secret(kTestKey), {{}, quick_retries()});
  EXPECT_EQ(model.chat(question(), cancel_, {}).text, kAnswer);
  const Json request = service_.requests().at(0);
  EXPECT_EQ(request["path"], "/openai/deployments/my-deployment/chat/completions");
  EXPECT_EQ(request["headers"]["api-key"], kTestKey);
  EXPECT_FALSE(request["headers"].contains("authorization"));
}

TEST_F(OpenAiTest, RetriesWhatMayPassAndNothingElse) {
  for (const int status : {408, 409, 429, 500, 502, 503}) {
    service_.misbehave({{"path", "/v1/chat"}, {"status", status}, {"times", 2}});
    EXPECT_EQ(open("gpt-4o")->chat(question(), cancel_).text, kAnswer);
    const auto requests = service_.requests();
    ASSERT_EQ(requests.size(), 3u) << status;
    EXPECT_EQ(requests[0]["headers"]["idempotency-key"], requests[2]["headers"]["idempotency-key"]);
  }
  service_.misbehave({{"path", "/v1/chat"}, {"status", 503}, {"times", 100}});
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::network);
  EXPECT_EQ(service_.requests().size(), 6u);  // once and five more times
  service_.misbehave({{"path", "/v1/chat"}, {"status", 400}});
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::usage);
  EXPECT_EQ(service_.requests().size(), 1u);
  service_.misbehave({{"path", "/v1/chat"}, {"close", true}, {"times", 2}});
  EXPECT_EQ(open("gpt-4o")->chat(question(), cancel_).text, kAnswer);
}

TEST_F(OpenAiTest, WaitsAsLongAsItIsAsked) {
  service_.misbehave({{"path", "/v1/chat"}, {"status", 429}, {"headers", {{"Retry-After", "1"}}}});
  EXPECT_EQ(open("gpt-4o")->chat(question(), cancel_).text, kAnswer);
  auto requests = service_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_GE(requests[1]["time"].get<double>() - requests[0]["time"].get<double>(), 1.0);

  service_.misbehave({{"path", "/v1/chat"}, {"status", 429}, {"headers", {{"Retry-After", "3600"}}}});
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::limit_exceeded);
  EXPECT_EQ(service_.requests().size(), 1u);
}

TEST_F(OpenAiTest, TurnsServiceErrorsIntoCodes) {
  const auto fails = [&](const Json& fault) {
    service_.misbehave(fault);
    return error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code();
  };
  const auto error = [](int status, const char* code) {
    return Json{{"path", "/v1/chat"},
                {"status", status},
                {"headers", {{"x-should-retry", "false"}}},
                {"body", {{"error", {{"message", "no"}, {"type", "t"}, {"param", nullptr}, {"code", code}}}}}};
  };
  EXPECT_EQ(fails(error(403, "unsupported_country_region_territory")), ErrorCode::unauthorized);
  EXPECT_EQ(fails(error(429, "insufficient_quota")), ErrorCode::limit_exceeded);
  EXPECT_EQ(fails(error(400, "context_length_exceeded")), ErrorCode::limit_exceeded);
  EXPECT_EQ(fails(error(413, "")), ErrorCode::limit_exceeded);
  EXPECT_EQ(fails(error(400, "invalid_image_format")), ErrorCode::bad_image);
  EXPECT_EQ(fails(error(400, "content_policy_violation")), ErrorCode::usage);
  EXPECT_EQ(fails(error(500, "server_error")), ErrorCode::network);
  EXPECT_EQ(fails({{"path", "/v1/chat"}, {"body", "<html>hello</html>"}}), ErrorCode::invalid_json);
  EXPECT_EQ(fails({{"path", "/v1/chat"}, {"body", "{\"choices\": []}"}}), ErrorCode::invalid_json);
  EXPECT_EQ(fails({{"path", "/v1/chat"}, {"body", std::string(100, '[')}}), ErrorCode::invalid_json);
  EXPECT_EQ(error_of([&] { open("no-such-model")->chat(question(), cancel_); }).code(), ErrorCode::model_not_found);
  const Error missing = error_of([&] { open("gpt-4o", "")->chat(question(), cancel_); });
  EXPECT_EQ(missing.code(), ErrorCode::unauthorized);
  EXPECT_THAT(missing.hint(), HasSubstr("OPENAI_API_KEY"));
}

TEST_F(OpenAiTest, NeverQuotesAKey) {
  const std::string wrong = "sk-proj-abcdefghijklmnopqrstuvwxyz";
  const Error error = error_of([&] { open("gpt-4o", wrong)->chat(question(), cancel_); });
  EXPECT_EQ(error.code(), ErrorCode::unauthorized);
  EXPECT_THAT(error.message(), HasSubstr("***"));
  EXPECT_THAT(error.message(), Not(HasSubstr("sk-pro")));
  EXPECT_THAT(error.message(), Not(HasSubstr("wxyz")));

  const auto shown = describe(open("gpt-4o", wrong)->chat_request(question(), false));
  EXPECT_THAT(shown.dump(), Not(HasSubstr("abcdefg")));
  EXPECT_EQ(shown["headers"]["Authorization"], "Bearer ***");
  EXPECT_EQ(shown["method"], "POST");
  EXPECT_EQ(shown["url"], service_.url("/v1/chat/completions"));
  EXPECT_EQ(shown["body"]["max_tokens"], 500);
}

TEST_F(OpenAiTest, ReportsWhatCameOfAnAnswerThatBreaksOff) {
  service_.misbehave({{"path", "/v1/chat"}, {"cut", 1500}});
  try {
    open("gpt-4o")->chat(question(), cancel_, [](std::string_view) {});
    FAIL();
  } catch (const BrokenAnswer& error) {
    EXPECT_EQ(error.code(), ErrorCode::network);
    EXPECT_FALSE(error.so_far().text.empty());
    EXPECT_TRUE(kAnswer.starts_with(error.so_far().text));
  }
  EXPECT_EQ(service_.requests().size(), 1u);  // what was shown is not asked for again

  const std::string begun =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"一\"},\"finish_reason\":null}]}\n\n";
  const Json stream{{"Content-Type", "text/event-stream"}};
  service_.misbehave({{"path", "/v1/chat"}, {"body", begun}, {"headers", stream}});
  EXPECT_THROW(open("gpt-4o")->chat(question(), cancel_, [](std::string_view) {}), BrokenAnswer);  // ended, no [DONE]
  const std::string failed = begun + "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
  service_.misbehave({{"path", "/v1/chat"}, {"body", failed}, {"headers", stream}});
  const Error error = error_of([&] { open("gpt-4o")->chat(question(), cancel_, [](std::string_view) {}); });
  EXPECT_EQ(error.code(), ErrorCode::network);
  EXPECT_THAT(error.message(), HasSubstr("overloaded"));
}

TEST_F(OpenAiTest, SendsNothingToAnotherHost) {
  service_.misbehave({{"path", "/v1/chat"}, {"status", 307}, {"redirect", service_.other_url("/v1/chat/completions")}});
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::network);
  EXPECT_EQ(service_.requests().size(), 1u);
  service_.misbehave({{"path", "/v1/chat"}, {"status", 307}, {"redirect", "/v1/chat/completions"}});
  EXPECT_EQ(open("gpt-4o")->chat(question(), cancel_).text, kAnswer);
  service_.misbehave({{"path", "/v1/chat"}, {"status", 308}, {"redirect", "/v1/chat/completions"}, {"times", 100}});
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::network);
}

TEST_F(OpenAiTest, StopsWhenAsked) {
  service_.misbehave({{"path", "/v1/chat"}, {"delay", 30}});
  const auto begin = std::chrono::steady_clock::now();
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancel_.cancel();
  });
  EXPECT_EQ(error_of([&] { open("gpt-4o")->chat(question(), cancel_); }).code(), ErrorCode::cancelled);
  stopper.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_F(OpenAiTest, GivesUpOnAServerThatSaysNothing) {
  service_.misbehave({{"path", "/v1/chat"}, {"delay", 30}, {"times", 100}});
  RemoteOptions options{{}, quick_retries()};
  options.http.idle_timeout = std::chrono::milliseconds(200);
  options.retry.retries = 0;
  const OpenAiModel model({Service::openai, "gpt-4o", service_.url("/v1"), "openai:gpt-4o"}, Secret(kTestKey), options);
  EXPECT_EQ(error_of([&] { model.chat(question(), cancel_, {}); }).code(), ErrorCode::network);
}

TEST_F(OpenAiTest, UsesTheResponsesApiWhereTheModelNeedsIt) {
  ChatRequest request = question();
  request.system = "简短";
  EXPECT_EQ(open("o3-pro")->chat(request, cancel_).text, kAnswer);
  const Json sent = service_.requests().at(0);
  EXPECT_EQ(sent["path"], "/v1/responses");
  EXPECT_EQ(TestService::body_of(sent), Json::parse(R"({
    "model": "o3-pro", "instructions": "简短", "max_output_tokens": 500, "store": false,
    "input": [{"role": "user", "content": [
      {"type": "input_text", "text": "这张图片里有什么？详细描述一下。"},
      {"type": "input_image", "image_url": "data:image/jpeg;base64,AQID", "detail": "auto"}]}]})"));

  service_.misbehave({{"path", "/v1/responses"}, {"split", {3, 1, 2}}});
  std::string streamed;
  const ChatAnswer answer = open("o3-pro")->chat(request, cancel_, [&](std::string_view text) { streamed += text; });
  EXPECT_EQ(streamed, kAnswer);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.usage.completion_tokens, 8);
  request.max_tokens = 16;
  EXPECT_EQ(open("o3-pro")->chat(request, cancel_).finish_reason, "length");

  request.tools.push_back({"weather", "The weather", OrderedJson::parse(R"({"type":"object"})")});
  for (const bool stream : {false, true}) {
    request.max_tokens = 500;
    const ChatAnswer call = open("o3-pro")->chat(request, cancel_, stream ? [](std::string_view) {} : TextSink());
    EXPECT_EQ(call.finish_reason, "tool_calls");
    EXPECT_EQ(call.tool_calls.at(0).arguments, R"({"place":"北京"})");
  }
  request.messages.push_back({Role::assistant, {}, {{"call_1", "weather", "{}"}}});
  request.messages.push_back({Role::tool, {TextPart{"晴"}}, {}, "call_1"});
  EXPECT_EQ(open("o3-pro")->chat(request, cancel_).text, kAnswer);

  service_.misbehave({{"path", "/v1/responses"}, {"cut", 1500}});
  EXPECT_THROW(open("o3-pro")->chat(question(), cancel_, [](std::string_view) {}), BrokenAnswer);
}

TEST_F(OpenAiTest, MakesEditsAndVariesPictures) {
  ImageRequest request;
  request.prompt = "一只猫";
  request.size = "1024x1024";
  request.count = 2;
  auto images = open("gpt-image-1")->generate_images(request, cancel_);
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].mime_type, "image/png");
  EXPECT_EQ(TestService::body_of(service_.requests().at(0)),
            Json::parse(R"({"prompt": "一只猫", "model": "gpt-image-1", "size": "1024x1024", "n": 2})"));
  request.count = 1;
  request.style = "vivid";
  EXPECT_EQ(open("dall-e-3")->generate_images(request, cancel_).at(0).revised_prompt, "a cat");
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["response_format"], "b64_json");

  request.style.clear();
  const PreparedPicture picture{encode_png({1, 1, {1, '\r', '\n'}}), "image/png", 1, 1};
  request.pictures = {picture};
  request.mask = picture;
  EXPECT_EQ(open("gpt-image-1")->generate_images(request, cancel_).size(), 1u);
  EXPECT_EQ(service_.requests().at(0)["path"], "/v1/images/edits");
  request.pictures = {picture, picture};
  EXPECT_EQ(open("gpt-image-1")->generate_images(request, cancel_).size(), 1u);
  request = {.pictures = {picture}};
  for (const char* model : {"dall-e-3", "gpt-image-1"}) {
    EXPECT_EQ(error_of([&] { open(model)->generate_images(request, cancel_); }).code(), ErrorCode::usage) << model;
  }
  service_.requests();
  EXPECT_EQ(open("dall-e-2")->generate_images(request, cancel_).size(), 1u);
  const Json varied = service_.requests().at(0);
  EXPECT_EQ(varied["path"], "/v1/images/variations");
  const std::string png(reinterpret_cast<const char*>(picture.file.data()), picture.file.size());
  EXPECT_EQ(TestService::form_of(varied),
            (std::vector<std::vector<std::string>>{{"image", "image1.png", "image/png", png},
                                                   {"model", "", "", "dall-e-2"},
                                                   {"n", "", "", "1"},
                                                   {"response_format", "", "", "b64_json"}}));
  request.pictures.push_back(picture);
  EXPECT_EQ(error_of([&] { open("dall-e-2")->generate_images(request, cancel_); }).code(), ErrorCode::usage);
  EXPECT_EQ(error_of([&] { open("dall-e-2")->generate_images({.prompt = "blocked"}, cancel_); }).code(),
            ErrorCode::usage);

  // A server that answers with addresses: the picture is fetched there, without the key.
  const Json answer{{"data", {{{"url", service_.other_url("/files/picture.png")}}}}};
  service_.misbehave({{"path", "/v1/images"}, {"body", answer}});
  EXPECT_EQ(open("gpt-image-1")->generate_images({.prompt = "x"}, cancel_).at(0).mime_type, "image/png");
}

TEST_F(OpenAiTest, EmbedsInTheOrderOfTheTexts) {
  const TextVectors made = open("text-embedding-3-small")->embed({"a", "abc"}, 2, cancel_);
  EXPECT_EQ(made.vectors, (std::vector<std::vector<float>>{{1, 0.5}, {3, 0.5}}));
  EXPECT_EQ(made.usage.prompt_tokens, 1);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0)),
            Json::parse(
                R"({"model":"text-embedding-3-small","input":["a","abc"],"encoding_format":"float","dimensions":2})"));
  for (const char* lie : {R"({"data":[{"index":0,"embedding":[1]}]})", R"({"data":[{"index":9,"embedding":[1]}]})",
                          R"({"data":[{"index":-1,"embedding":[1]}]})", R"({"data":"none"})", R"([])",
                          R"({"data":[{"index":0,"embedding":["x"]},{"index":1,"embedding":[1]}]})"}) {
    service_.misbehave({{"path", "/v1/embeddings"}, {"body", lie}});
    EXPECT_EQ(error_of([&] { open("e")->embed({"a", "b"}, 0, cancel_); }).code(), ErrorCode::invalid_json) << lie;
  }
}

TEST_F(OpenAiTest, WritesDownWhatIsSaidInAFile) {
  const auto path = std::filesystem::temp_directory_path() / ("gaze \"odd\" " + std::to_string(::getpid()) + ".wav");
  std::ofstream(path) << std::string(100'000, 'x');
  ChatRequest request;
  request.messages.push_back({Role::user, {TextPart{"Gaze, 猫"}, FilePart{path, "audio/wav"}}});
  ChatAnswer answer = open("whisper-1")->chat(request, cancel_);
  EXPECT_EQ(answer.text, "听到 100000 字节");
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_EQ(answer.usage.seconds, 9);
  const Json sent = service_.requests().at(0);
  EXPECT_EQ(sent["path"], "/v1/audio/transcriptions");
  const std::string name = "gaze %22odd%22 " + std::to_string(::getpid()) + ".wav", recording(100'000, 'x');
  using Form = std::vector<std::vector<std::string>>;
  EXPECT_EQ(TestService::form_of(sent), (Form{{"file", name, "audio/wav", recording},
                                              {"model", "", "", "whisper-1"},
                                              {"prompt", "", "", "Gaze, 猫"},
                                              {"response_format", "", "", "json"}}));

  service_.misbehave({{"path", "/v1/audio"}, {"split", {3, 1, 2}}});
  std::vector<std::string> pieces;
  answer = open("gpt-4o-transcribe")->chat(request, cancel_, [&](std::string_view text) { pieces.emplace_back(text); });
  EXPECT_EQ(answer.text, "听到 100000 字节");
  EXPECT_EQ(TestService::form_of(service_.requests().at(0)), (Form{{"file", name, "audio/wav", recording},
                                                                   {"model", "", "", "gpt-4o-transcribe"},
                                                                   {"prompt", "", "", "Gaze, 猫"},
                                                                   {"response_format", "", "", "json"},
                                                                   {"stream", "", "", "true"}}));
  EXPECT_GT(pieces.size(), 5u);
  EXPECT_EQ(answer.usage.completion_tokens, 5);
  pieces.clear();
  open("whisper-1")->chat(request, cancel_, [&](std::string_view text) { pieces.emplace_back(text); });
  EXPECT_EQ(pieces, std::vector<std::string>{"听到 100000 字节"});
  service_.misbehave({{"path", "/v1/audio"}, {"cut", 300}});
  EXPECT_THROW(open("gpt-4o-transcribe")->chat(request, cancel_, [](std::string_view) {}), BrokenAnswer);
  service_.misbehave({{"path", "/v1/audio"}, {"body", "{}"}});
  EXPECT_EQ(error_of([&] { open("whisper-1")->chat(request, cancel_); }).code(), ErrorCode::invalid_json);

  ChatRequest two = request, none = question(), with_system = request;
  two.messages[0].parts.emplace_back(FilePart{path, "audio/wav"});
  with_system.system = "Be brief.";
  for (const ChatRequest& wrong : {two, none, with_system}) {
    EXPECT_EQ(error_of([&] { open("whisper-1")->chat(wrong, cancel_); }).code(), ErrorCode::usage);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(error_of([&] { open("whisper-1")->chat(request, cancel_); }).code(), ErrorCode::not_found);
}

TEST_F(OpenAiTest, IsSharedByThreads) {
  const auto model = open("gpt-4o");
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) {
        const TextSink sink = i % 2 ? [](std::string_view) {} : TextSink();
        right += model->chat(question(), cancel_, sink).text == kAnswer;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
}

}  // namespace
}  // namespace gaze
