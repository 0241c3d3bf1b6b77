// `gaze chat` on a terminal and in a pipe, against server.py.
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

constexpr const char* kAnswered = "va?\r\n> ";  // the end of the service's answer, and the prompt

class ChatProgramTest : public testing::Test {
 protected:
  ChatProgramTest() {
    write_file_atomically(picture_, encode_jpeg({64, 48, std::vector<std::uint8_t>(64 * 48 * 3, 120)}, 90));
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")}, {"OPENAI_API_KEY", kTestKey}};
  }

  // Types each line once the screen shows what stands beside it, counted from where the last one was typed. What is
  // typed before the prompt is there is the terminal driver's, which knows neither UTF-8 nor our keys.
  GazeRun talk(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& script) {
    std::size_t next = 0, seen = 0;
    return home_.run_on_terminal(arguments, [&](const std::string& screen) -> std::string {
      if (next == script.size()) return {};
      const std::size_t at = screen.find(script[next].first, seen);
      if (at == std::string::npos) return {};
      seen = at + script[next].first.size();
      return script[next++].second;
    });
  }

  TestService service_;
  GazeHome home_;
  const std::string picture_ = home_.path("cat.jpg").string();
};

TEST_F(ChatProgramTest, RemembersAndSavesOnATerminal) {
  const std::string saved = home_.path("talk.md").string();
  const GazeRun run =
      talk({"chat", picture_, "--model", "openai:gpt-4o"}, {{"> ", "图里有什么？\r"},
                                                            {kAnswered, "还有呢\x7F\x7F呢？\r"},
                                                            {kAnswered, "/image /no/such.jpg\r"},
                                                            {"no such file\r\n> ", "/image " + picture_ + "\r"},
                                                            {"next question\r\n> ", "/save " + saved + "\r"},
                                                            {"talk.md\r\n> ", "third\r"},
                                                            {kAnswered, "/reset\r"},
                                                            {"forgotten\r\n> ", "fourth\r"},
                                                            {kAnswered, "/quit\r"}});
  EXPECT_EQ(run.status, 0) << run.out;
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 4u) << run.out;
  const Json first = TestService::body_of(sent[0])["messages"];
  EXPECT_EQ(first[0]["content"][0]["text"], "图里有什么？");
  EXPECT_EQ(first[0]["content"][1]["type"], "image_url");
  const Json second = TestService::body_of(sent[1])["messages"];
  ASSERT_EQ(second.size(), 3u);
  EXPECT_EQ(second[1]["role"], "assistant");
  EXPECT_EQ(second[2]["content"], "还呢？");  // Backspace takes a whole character
  EXPECT_EQ(TestService::body_of(sent[2])["messages"][4]["content"].size(), 2u);
  EXPECT_EQ(TestService::body_of(sent[3])["messages"].size(), 1u);
  const std::string text = read_text_file(saved, 10'000);
  EXPECT_THAT(text, HasSubstr("**图里有什么？**"));
  EXPECT_THAT(text, HasSubstr("一只猫"));
}

TEST_F(ChatProgramTest, CtrlCStopsTheAnswerAndNotTheProgram) {
  service_.misbehave({{"path", "/v1"}, {"split", {500}}, {"pause", 0.2}});
  const GazeRun run = talk({"chat", "--model", "openai:gpt-4o"}, {{"> ", "first\r"},
                                                                  {"这张", "\x03"},
                                                                  {"(stopped)\r\n> ",
                                                                   "thrown away\x03"
                                                                   "second\r"},
                                                                  {kAnswered, "\x04"}});  // Ctrl-D
  EXPECT_EQ(run.status, 0) << run.out;
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 2u) << run.out;
  const Json messages = TestService::body_of(sent[1])["messages"];
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0]["content"], "first");
  EXPECT_TRUE(messages[1]["content"].get<std::string>().starts_with("这张"));  // what came is remembered
  EXPECT_EQ(messages[2]["content"], "second");
}

TEST_F(ChatProgramTest, AnErrorEndsTheQuestionAndNotTheTalk) {
  service_.misbehave({{"path", "/v1"}, {"status", 400}, {"body", {{"error", {{"message", "not today"}}}}}});
  const GazeRun run = home_.run({"chat", picture_, "--model", "openai:gpt-4o"}, "first\nsecond\n/nonsense\n");
  EXPECT_EQ(run.status, 0);
  EXPECT_THAT(run.err, HasSubstr("not today"));
  EXPECT_THAT(run.err, HasSubstr("/save FILE"));
  EXPECT_EQ(run.out, "这张图片里有一只猫 🐱 and a dog.\nÇa va?\n");
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(TestService::body_of(sent[1])["messages"].size(), 1u);
  EXPECT_EQ(TestService::body_of(sent[1])["messages"][0]["content"].size(), 2u);  // the picture goes with it again
}

TEST_F(ChatProgramTest, WrongUsageIsToldAsSuch) {
  EXPECT_EQ(home_.run({"chat", "--json", "--model", "openai:gpt-4o"}).error_code(), "usage");
  EXPECT_EQ(home_.run({"chat", "/no/such.jpg", "--model", "openai:gpt-4o"}).status, 1);
  EXPECT_EQ(home_.run({"chat"}).status, 1);
}

}  // namespace
}  // namespace gaze
