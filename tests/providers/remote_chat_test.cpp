// Tasks through remote models, from files on the disk to answers, against server.py.
#include "tasks/remote_chat.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "media/encode.h"
#include "providers/answer_cache.h"
#include "providers/openai.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;

class RemoteChatTest : public testing::Test {
 protected:
  RemoteChatTest() {
    std::filesystem::create_directories(folder_);
    for (int i = 0; i < 20; ++i) {
      Image image{8, 8, std::vector<std::uint8_t>(8 * 8 * 3, static_cast<std::uint8_t>(i * 10))};
      pictures_.push_back((folder_ / (std::to_string(i) + ".jpg")).string());
      write_file_atomically(pictures_.back(), encode_jpeg(image, 90));
    }
  }
  ~RemoteChatTest() override { std::filesystem::remove_all(folder_); }

  TestService service_;
  CancelToken cancel_;
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("gaze-remote-chat-" + std::to_string(::getpid()));
  std::vector<std::string> pictures_;
  const OpenAiModel model_{
      {Service::openai, "gpt-4o", service_.url("/v1"), "openai:gpt-4o"}, Secret(kTestKey), {{}, quick_retries()}};
};

TEST_F(RemoteChatTest, ShowsWhatWouldBeSentAndSendsNothing) {
  ChatRequest request = make_request({});
  request.messages = {make_message(model_, {{pictures_[0], "https://example.org/cat.jpg"}, "?"}, "", {})};
  const auto shown = describe_request(model_, request, false);
  EXPECT_EQ(shown["headers"]["Authorization"], "Bearer ***");
  EXPECT_THAT(shown["body"]["messages"][0]["content"][1]["image_url"]["url"].get<std::string>(),
              HasSubstr("data:image/jpeg;base64,"));
  EXPECT_EQ(shown["body"]["messages"][0]["content"][2]["image_url"]["url"], "https://example.org/cat.jpg");
  EXPECT_TRUE(service_.requests().empty());
}

TEST_F(RemoteChatTest, AsksOnceAndPaysOnce) {
  const AnswerCache cache(folder_ / "answers");
  std::ofstream(folder_ / "prices.json")
      << R"({"caps":{"month":0.1},"prices":{"openai:gpt-4o":{"input":1000,"output":1}}})";
  SpendingAccount account(PriceTable::load(folder_ / "prices.json"), folder_ / "spending.jsonl");
  std::vector<Departure> departures;
  const RemoteCare care{&cache, &account, [&](const Departure& leaving) { departures.push_back(leaving); }};
  const AnswerOptions options{.max_tokens = 10};
  EXPECT_EQ(error_of([&] {
              make_remote_chat(model_, care)->ask({{pictures_[0]}, "?"}, options, cancel_, {});
            }).code(),
            ErrorCode::limit_exceeded);
  departures.clear();
  std::string streamed;
  for (int i = 0; i < 2; ++i) {
    streamed.clear();
    const VisualAnswer answer =
        make_remote_chat(model_, care)->ask({{}, "?"}, options, cancel_, [&](std::string_view text) {
          streamed += text;
        });
    EXPECT_EQ(answer.text, streamed);
  }
  ASSERT_EQ(departures.size(), 1u);
  EXPECT_EQ(departures[0].host, "127.0.0.1");
  EXPECT_EQ(departures[0].text_bytes, 1);
  EXPECT_NEAR(departures[0].most_cost.value(), 0.00101, 1e-9);
  EXPECT_EQ(service_.requests().size(), 1u);
  EXPECT_NEAR(account.spent(std::time(nullptr)).month, 0.017007, 1e-6);  // 17 tokens in, 7 out
}

TEST_F(RemoteChatTest, AsksOfManyAndNamesTheBrokenOnes) {
  std::ofstream(pictures_[3]) << "no picture";
  std::filesystem::remove(pictures_[7]);
  std::set<std::size_t> answered;
  std::map<std::size_t, ErrorCode> failed;
  const PictureRound round{.pictures = pictures_,
                           .text = "?",
                           .on_answer =
                               [&](std::size_t index, const ChatAnswer& answer) {
                                 answered.insert(index);
                                 EXPECT_FALSE(answer.text.empty());
                               },
                           .on_failure = [&](std::size_t index, const Error& error) { failed[index] = error.code(); }};
  ask_of_each(model_, round, {}, cancel_);
  EXPECT_EQ(answered.size(), 18u);
  EXPECT_THAT(failed, testing::ElementsAre(std::pair(3u, ErrorCode::bad_image), std::pair(7u, ErrorCode::not_found)));
  service_.misbehave({{"path", "/v1"}, {"status", 401}, {"times", 100}});
  EXPECT_EQ(error_of([&] { ask_of_each(model_, round, {}, cancel_); }).code(), ErrorCode::unauthorized);
}

TEST_F(RemoteChatTest, RemembersWhatWasSaidAndTakesBackWhatFailed) {
  const RemoteCare care;
  const auto chat = make_remote_chat(model_, care);
  chat->ask({{pictures_[0]}, "one"}, {}, cancel_, {});
  service_.misbehave({{"path", "/v1"}, {"status", 400}});
  EXPECT_EQ(error_of([&] { chat->ask({{}, "two"}, {}, cancel_, {}); }).code(), ErrorCode::usage);
  std::string came;
  CancelToken stop;
  service_.misbehave({{"path", "/v1"}, {"split", {600}}, {"pause", 0.05}});
  EXPECT_EQ(error_of([&] {
              chat->ask({{}, "three"}, {}, stop, [&](std::string_view text) {
                came += text;
                stop.cancel();
              });
            }).code(),
            ErrorCode::cancelled);
  service_.requests();
  chat->ask({{}, "four"}, {}, cancel_, {});
  const Json messages = TestService::body_of(service_.requests().at(0)).at("messages");
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(messages[0]["content"][0]["text"], "one");
  EXPECT_EQ(messages[2]["content"], "three");
  EXPECT_EQ(messages[3]["content"], came);
  EXPECT_EQ(messages[4]["content"], "four");
  chat->reset();
  chat->ask({{}, "five"}, {}, cancel_, {});
  EXPECT_EQ(TestService::body_of(service_.requests().at(0)).at("messages").size(), 1u);
}

TEST_F(RemoteChatTest, RefusesWhatNoServiceKnows) {
  for (const AnswerOptions& options :
       {AnswerOptions{.beams = 3}, AnswerOptions{.min_length = 2}, AnswerOptions{.raw_prompt = true}}) {
    EXPECT_EQ(error_of([&] { make_request(options); }).code(), ErrorCode::usage);
  }
}

}  // namespace
}  // namespace gaze
