// `gaze ask` as people run it, against server.py.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "gaze_run.h"
#include "media/encode.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kAnswer = "这张图片里有一只猫 🐱 and a dog.\nÇa va?";  // openai_service.py's ANSWER
const std::string kGeminiKey = "AIza-test-9c1e7d4f8a26b3";              // gemini_service.py's KEY

class AskProgramTest : public testing::Test {
 protected:
  AskProgramTest() {
    const Image image{64, 48, std::vector<std::uint8_t>(64 * 48 * 3, 120)};
    write_file_atomically(picture_, encode_jpeg(image, 90));
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")}, {"OPENAI_API_KEY", kTestKey}};
  }

  GazeRun ask(std::vector<std::string> more) const {
    std::vector<std::string> line{"ask", picture_, "什么？", "--model", "openai:gpt-4o"};
    line.insert(line.end(), more.begin(), more.end());
    return home_.run(line);
  }
  void write_config(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(home_.path("config/gaze"));
    std::ofstream(home_.path("config/gaze/" + name)) << text;
    std::filesystem::permissions(home_.path("config/gaze/" + name), std::filesystem::perms(0600));
  }

  TestService service_;
  GazeHome home_;
  const std::string picture_ = home_.path("cat.jpg").string();
};

TEST_F(AskProgramTest, StreamsWholeCharactersHoweverTheBytesCome) {
  service_.misbehave({{"path", "/v1"}, {"split", {1, 2, 5, 3}}});
  bool in_pieces = false;
  const GazeRun run =
      home_.run({"ask", picture_, "什么？", "--model", "openai:gpt-4o"}, {}, [&](int, const std::string& out) {
        in_pieces = in_pieces || (!out.empty() && out.size() < kAnswer.size());
        EXPECT_EQ(to_valid_utf8(out), out);
      });
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.out, kAnswer + "\n");
  EXPECT_TRUE(in_pieces);
  const Json body = TestService::body_of(service_.requests().at(0));
  EXPECT_EQ(body["max_tokens"], 500);
  EXPECT_EQ(body["stream"], true);
  for (const char* option : {"temperature", "top_p", "seed", "top_k", "repetition_penalty", "response_format"}) {
    EXPECT_FALSE(body.contains(option)) << option;
  }
}

TEST_F(AskProgramTest, PrintsOneDocumentForPrograms) {
  const GazeRun run =
      ask({"--json", "--max-tokens", "2", "--temperature", "0.5", "--seed", "7", "--system", "Be brief."});
  EXPECT_EQ(run.status, 0) << run.err;
  const Json document = run.json();
  EXPECT_EQ(document["model"], "openai:gpt-4o");
  EXPECT_EQ(document["answer"], "这张图片里有一只猫 🐱");
  EXPECT_EQ(document["ids"], Json::array());
  EXPECT_EQ(document["finish_reason"], "length");
  EXPECT_EQ(document["usage"]["prompt_tokens"], 17);
  EXPECT_EQ(document["usage"]["completion_tokens"], 2);
  for (const char* name : {"vision_ms", "prefill_ms", "decode_ms", "tokens_per_second"}) {
    EXPECT_TRUE(document["timings"][name].is_number()) << name;
  }
  const Json body = TestService::body_of(service_.requests().at(0));
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["seed"], 7);
  EXPECT_EQ(body["messages"][0]["content"], "Be brief.");
}

TEST_F(AskProgramTest, SpeaksToGeminiAndToServersByAddressAlike) {
  home_.environment["GOOGLE_GEMINI_BASE_URL"] = service_.url("");
  home_.environment["GEMINI_API_KEY"] = kGeminiKey;
  for (const std::string& model :
       {std::string("gemini:gemini-2.5-flash"), service_.url("/compatible/v1") + "#qwen2.5-vl"}) {
    const GazeRun run = home_.run({"ask", picture_, "什么？", "--model", model});
    EXPECT_EQ(run.status, 0) << model << run.err;
    EXPECT_THAT(run.out, HasSubstr("猫")) << model;
  }
}

TEST_F(AskProgramTest, OneOfAListOrUpToAStop) {
  const GazeRun run = ask({"--choices", "猫,dog", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.json()["answer"], "dog");
  EXPECT_EQ(run.json()["choices"][0]["text"], "猫");
  EXPECT_TRUE(run.json()["choices"][0]["probability"].is_null());
  EXPECT_THAT(run.err, HasSubstr("how sure"));
  EXPECT_EQ(ask({"--choices", "猫,dog"}).out, "dog\n");
  const Json sent = TestService::body_of(service_.requests().at(0))["response_format"]["json_schema"]["schema"];
  EXPECT_EQ(sent["properties"]["answer"]["enum"], Json::array({"猫", "dog"}));

  EXPECT_EQ(ask({"--stop", " and", "--stop", "zzz"}).out, "这张图片里有一只猫 🐱\n");
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["stop"], Json::array({" and", "zzz"}));
}

TEST_F(AskProgramTest, ADryRunShowsExactlyWhatIsSentAndSendsNothing) {
  std::ofstream(home_.path("schema.json")) << R"({"type":"object","properties":{"b":{},"a":{}}})";
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--json"},
        {"--json", "--top-p", "0.5", "--detail", "low", "--json-schema", home_.path("schema.json").string()}}) {
    std::vector<std::string> dry = options;
    dry.push_back("--dry-run");
    const GazeRun shown = ask(dry);
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_TRUE(service_.requests().empty());
    EXPECT_EQ(ask(options).status, 0);
    const std::vector<Json> sent = service_.requests();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(shown.json()["body"], TestService::body_of(sent[0]));
    EXPECT_EQ(shown.json()["method"], "POST");
    EXPECT_EQ(shown.json()["url"], service_.url("/v1/chat/completions"));
    EXPECT_EQ(shown.json()["headers"]["Authorization"], "Bearer ***");
    EXPECT_THAT(shown.out + shown.err, Not(HasSubstr(kTestKey.substr(3))));
  }
  home_.environment.erase("OPENAI_API_KEY");  // nothing is sent, so no key is needed
  const GazeRun people = ask({"--dry-run"});
  EXPECT_EQ(people.status, 0);
  EXPECT_THAT(people.out, HasSubstr("bytes)"));
  EXPECT_THAT(people.err, HasSubstr("1 picture without its metadata"));
  EXPECT_TRUE(service_.requests().empty());
}

TEST_F(AskProgramTest, TellsWhatTheServiceRefused) {
  home_.environment["OPENAI_API_KEY"] = "sk-wrong-aaaabbbbccccdddd";
  const GazeRun wrong = ask({"--json", "--verbose"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_EQ(wrong.error_code(), "unauthorized");
  EXPECT_THAT(wrong.out + wrong.err, Not(HasSubstr("sk-wrong")));
  home_.environment.erase("OPENAI_API_KEY");
  const GazeRun none = ask({"--json"});
  EXPECT_EQ(none.error_code(), "unauthorized");
  EXPECT_THAT(none.json()["error"]["hint"].get<std::string>(), HasSubstr("OPENAI_API_KEY"));
  home_.environment["OPENAI_API_KEY"] = kTestKey;
  EXPECT_EQ(home_.run({"ask", picture_, "?", "--model", "openai:no-such-model", "--json"}).error_code(),
            "model_not_found");
}

TEST_F(AskProgramTest, WaitsAsLongAsItIsToldAndNotForDays) {
  service_.misbehave({{"path", "/v1"}, {"status", 429}, {"headers", {{"Retry-After", "1"}}}});
  EXPECT_EQ(ask({"--json"}).status, 0);
  const std::vector<Json> requests = service_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_GE(requests[1]["time"].get<double>() - requests[0]["time"].get<double>(), 0.99);
  EXPECT_EQ(requests[0]["headers"]["idempotency-key"], requests[1]["headers"]["idempotency-key"]);
  service_.misbehave({{"path", "/v1"}, {"status", 429}, {"headers", {{"Retry-After", "100000"}}}});
  EXPECT_EQ(ask({"--json", "--no-cache"}).error_code(), "limit_exceeded");
}

TEST_F(AskProgramTest, SendsNothingToAnotherHost) {
  service_.misbehave({{"path", "/v1"}, {"status", 307}, {"redirect", service_.other_url("/v1/chat/completions")}});
  EXPECT_EQ(ask({"--json"}).error_code(), "network");
  const std::vector<Json> requests = service_.requests();
  EXPECT_EQ(requests.size(), 1u);
}

TEST_F(AskProgramTest, StopsAtTheCapBeforeAnythingIsSent) {
  write_config("prices.json",
               R"({"currency":"EUR","caps":{"day":0.0001},"prices":{"openai:gpt-4o":{"input":2,"output":10}}})");
  const GazeRun run = ask({"--json"});
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.error_code(), "limit_exceeded");
  EXPECT_THAT(run.json()["error"]["message"].get<std::string>(), HasSubstr("EUR"));
  EXPECT_TRUE(service_.requests().empty());
  write_config("prices.json", R"({"caps":{"day":1},"prices":{"openai:gpt-4o":{"input":2,"output":10}}})");
  EXPECT_EQ(ask({"--json"}).status, 0);
  const std::string ledger = read_text_file(home_.path("data/gaze/spending.jsonl"), 10'000);
  EXPECT_THAT(ledger, HasSubstr(R"("prompt_tokens":17)"));
  EXPECT_EQ(home_.run({"ask", "?", "--model", "openai:gpt-5", "--json"}).error_code(), "usage");  // has no price
}

TEST_F(AskProgramTest, AsksTheSameOnlyOnce) {
  const GazeRun first = ask({});
  EXPECT_EQ(service_.requests().size(), 1u);
  service_.misbehave({{"path", "/"}, {"close", true}, {"times", 100}});
  const GazeRun kept = ask({});
  EXPECT_EQ(kept.out, first.out);
  EXPECT_THAT(kept.err, HasSubstr("nothing was sent"));
  EXPECT_TRUE(service_.requests().empty());
  service_.misbehave({{"path", "/nothing"}});
  EXPECT_EQ(ask({"--no-cache"}).out, first.out);
  EXPECT_EQ(service_.requests().size(), 1u);
  EXPECT_EQ(ask({"--max-tokens", "501"}).status, 0);
  EXPECT_EQ(service_.requests().size(), 1u);
}

TEST_F(AskProgramTest, ShowsWhatCameWhenItIsStopped) {
  service_.misbehave({{"path", "/v1"}, {"split", {700}}, {"pause", 0.2}});
  bool sent = false;
  const GazeRun run =
      home_.run({"ask", picture_, "?", "--model", "openai:gpt-4o"}, {}, [&](int process, const std::string& out) {
        if (!sent && !out.empty()) sent = ::kill(process, SIGINT) == 0;
      });
  EXPECT_EQ(run.status, 130);
  EXPECT_TRUE(kAnswer.starts_with(run.out.substr(0, run.out.size() - 1))) << run.out;
  EXPECT_GT(run.out.size(), 1u);
  EXPECT_TRUE(run.out.ends_with('\n'));
}

TEST_F(AskProgramTest, ShowsWhatCameOfABrokenAnswer) {
  service_.misbehave({{"path", "/v1"}, {"cut", 1500}});
  const GazeRun run = ask({});
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(kAnswer.starts_with(run.out.substr(0, run.out.size() - 1))) << run.out;
  EXPECT_GT(run.out.size(), 1u);
  EXPECT_THAT(run.err, HasSubstr("gaze:"));
}

TEST_F(AskProgramTest, SaysWhatLeavesTheMachine) {
  // A name on the net, reached through a proxy that is the test's server.
  home_.environment["http_proxy"] = service_.url("");
  write_config("keys.json", R"({"vlm.example":")" + kTestKey + R"("})");
  write_config("prices.json", R"({"currency":"EUR","prices":{"http://vlm.example/v1#m":{"input":2,"output":10}}})");
  const std::vector<std::string> line{"ask", picture_, "What?", "--model", "http://vlm.example/v1#m"};
  const GazeRun run = home_.run(line);
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("to vlm.example: 1 picture without its metadata"));
  EXPECT_THAT(run.err, HasSubstr("5 bytes of text; costs at most 0.00"));
  EXPECT_THAT(run.err, HasSubstr("EUR"));
  home_.environment["LANG"] = "zh_CN.UTF-8";
  std::vector<std::string> again = line;
  again.push_back("--no-cache");
  EXPECT_THAT(home_.run(again).err, HasSubstr("发往 vlm.example：1 张图片"));
  again.push_back("--quiet");
  EXPECT_EQ(home_.run(again).err, "");
}

TEST_F(AskProgramTest, TheKeyIsSeenNowhere) {
  std::string shown;
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--json"}, {"--dry-run"}, {"--dry-run", "--json"}, {"--no-cache"}}) {
    std::vector<std::string> line{"ask", picture_, "?", "--model", "openai:gpt-4o", "--verbose"};
    line.insert(line.end(), more.begin(), more.end());
    const GazeRun run = home_.run(line);
    EXPECT_EQ(run.status, 0);
    shown += run.out + run.err;
  }
  for (const Json& fault :
       {Json{{"status", 401}, {"body", {{"error", {{"message", "wrong key " + kTestKey}}}}}},
        Json{{"status", 500}, {"times", 6}, {"body", kTestKey}, {"headers", {{"retry-after-ms", "1"}}}},
        Json{{"body", kTestKey}}, Json{{"status", 302}, {"redirect", "http://" + kTestKey + "/"}}}) {
    Json one = fault;
    one["path"] = "/v1";
    service_.misbehave(one);
    const GazeRun run = ask({"--verbose", "--no-cache"});
    EXPECT_EQ(run.status, 1) << fault;
    shown += run.out + run.err;
  }
  shown += home_.run({"config", "--json"}).out;
  shown += home_.everything_written();
  const std::size_t seen = shown.find(kTestKey.substr(0, 12));
  EXPECT_EQ(seen, std::string::npos) << shown.substr(seen - std::min<std::size_t>(seen, 200), 400);
}

TEST_F(AskProgramTest, TakesThePictureFromAPipeAndRefusesWhatIsNone) {
  const std::string bytes = read_text_file(picture_, 1'000'000);
  const GazeRun piped = home_.run({"ask", "-", "?", "--model", "openai:gpt-4o", "--json"}, bytes);
  EXPECT_EQ(piped.status, 0) << piped.out;
  std::ofstream(home_.path("text.jpg")) << "no picture";
  EXPECT_EQ(home_.run({"ask", home_.path("text.jpg").string(), "?", "--model", "openai:gpt-4o", "--json"}).error_code(),
            "bad_image");
  EXPECT_EQ(home_.run({"ask", home_.path("none.jpg").string(), "?", "--model", "openai:gpt-4o", "--json"}).error_code(),
            "not_found");
}

TEST_F(AskProgramTest, WritesDownWhatIsSaid) {
  const std::string sound = home_.path("talk.mp3").string();
  std::ofstream(sound) << std::string(3000, 'x');
  const std::string whisper = "openai:whisper-1", newer = "openai:gpt-4o-transcribe";
  EXPECT_EQ(home_.run({"ask", sound, "--model", newer}).out, "听到 3000 字节\n");
  EXPECT_EQ(home_.run({"ask", sound, "Gaze, 猫", "--model", newer, "--json"}).json()["usage"]["completion_tokens"], 5);
  EXPECT_EQ(home_.run({"ask", sound, "", "--model", whisper}).out, "听到 3000 字节\n");
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0]["path"], "/v1/audio/transcriptions");
  using Form = std::vector<std::vector<std::string>>;
  const std::vector<std::string> file{"file", "talk.mp3", "audio/mpeg", std::string(3000, 'x')},
      json{"response_format", "", "", "json"}, model{"model", "", "", "gpt-4o-transcribe"};
  EXPECT_EQ(TestService::form_of(sent[0]), (Form{file, model, json, {"stream", "", "", "true"}}));
  EXPECT_EQ(TestService::form_of(sent[1]), (Form{file, model, {"prompt", "", "", "Gaze, 猫"}, json}));
  EXPECT_EQ(TestService::form_of(sent[2]), (Form{file, {"model", "", "", "whisper-1"}, json}));

  const GazeRun dry = home_.run({"ask", sound, "--model", whisper, "--dry-run", "--json"});
  EXPECT_EQ(dry.json()["body"][1]["file"], sound);
  EXPECT_EQ(dry.json()["body"][1]["length"], 3000);
  write_config("prices.json", R"({"caps":{"day":0.0001},"prices":{"openai:whisper-1":{"minute":0.006}}})");
  EXPECT_EQ(home_.run({"ask", sound, "--model", whisper, "--json"}).error_code(), "limit_exceeded");
  write_config("prices.json", R"({"caps":{"day":1},"prices":{"openai:whisper-1":{"minute":0.006}}})");
  EXPECT_EQ(home_.run({"ask", sound, "--model", whisper}).status, 0);
  EXPECT_THAT(read_text_file(home_.path("data/gaze/spending.jsonl"), 10'000), HasSubstr("\"seconds\":9.0"));

  service_.requests();
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"ask", picture_, "--model", whisper},
                                                {"ask", sound, sound, "--model", whisper},
                                                {"ask", "What is said?", "--model", whisper},
                                                {"ask", sound, "--model", whisper, "--system", "Be brief."},
                                                {"ask", sound, "--model", whisper, "--choices", "a,b"},
                                                {"ask", sound, "--model", "openai:gpt-4o"}}) {
    std::vector<std::string> with_json = wrong;
    with_json.push_back("--json");
    EXPECT_EQ(home_.run(with_json).error_code(), "usage") << testing::PrintToString(wrong);
  }
  EXPECT_TRUE(service_.requests().empty());
}

TEST_F(AskProgramTest, AnOwnAuthorityIsTrustedWhereItIsNamed) {
  std::filesystem::create_directories(home_.path("tls"));
  const TestService service(home_.path("tls"));
  home_.environment["OPENAI_BASE_URL"] = service.url("/v1");
  const GazeRun refused = ask({"--json"});
  EXPECT_EQ(refused.error_code(), "network");
  EXPECT_THAT(refused.json()["error"]["hint"].get<std::string>(), HasSubstr("SSL_CERT_FILE"));
  EXPECT_TRUE(service.requests().empty());
  home_.environment["SSL_CERT_FILE"] = home_.path("tls/ca.pem").string();
  EXPECT_EQ(ask({"--json"}).json()["answer"], kAnswer);
}

TEST_F(AskProgramTest, WrongUsageIsToldAsSuch) {
  for (const std::vector<std::string>& line : {std::vector<std::string>{"ask"},
                                               {"ask", " "},
                                               {"ask", picture_},
                                               {"ask", "?", "--max-tokens", "0", "--model", "openai:gpt-4o"},
                                               {"ask", "?", "--temperature", "3", "--model", "openai:gpt-4o"},
                                               {"ask", "?", "--beams", "2", "--model", "openai:gpt-4o"},
                                               {"ask", "?", "--top-k", "2", "--model", "openai:gpt-4o"},
                                               {"ask", "?", "--model", "http://x/v1"},
                                               {"ask", "?", "--model", "http://me:secret@x/v1#m"}}) {
    std::vector<std::string> with_json = line;
    with_json.push_back("--json");
    const GazeRun run = home_.run(with_json);
    EXPECT_EQ(run.status, 2) << testing::PrintToString(line) << run.out;
    EXPECT_EQ(run.error_code(), "usage") << run.out;
  }
  EXPECT_EQ(home_.run({"ask", picture_, "?", "--json"}).error_code(), "model_not_found");
}

}  // namespace
}  // namespace gaze
