// Tasks through remote models, from files on the disk to answers, against server.py.
#include "tasks/remote_chat.h"

#include <filesystem>
#include <fstream>
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
    question_.text = "?";
  }
  ~RemoteChatTest() override { std::filesystem::remove_all(folder_); }

  TestService service_;
  CancelToken cancel_;
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("gaze-remote-chat-" + std::to_string(::getpid()));
  std::vector<std::string> pictures_;
  RemoteQuestion question_;
  const OpenAiModel model_{
      {Service::openai, "gpt-4o", service_.url("/v1"), "openai:gpt-4o"}, Secret(kTestKey), {{}, quick_retries()}};
};

TEST_F(RemoteChatTest, ShowsWhatWouldBeSentAndSendsNothing) {
  question_.inputs = {pictures_[0], "https://example.org/cat.jpg"};
  const auto shown = describe_question(model_, question_);
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
  question_.inputs = {pictures_[0]};
  question_.options.max_tokens = 10;
  EXPECT_EQ(error_of([&] {
              ask_remote(model_, question_, {&cache, &account}, cancel_);
            }).code(),
            ErrorCode::limit_exceeded);
  question_.inputs.clear();
  std::string streamed;
  for (int i = 0; i < 2; ++i) {
    streamed.clear();
    const ChatAnswer answer =
        ask_remote(model_, question_, {&cache, &account}, cancel_, [&](std::string_view text) { streamed += text; });
    EXPECT_EQ(answer.text, streamed);
  }
  EXPECT_EQ(service_.requests().size(), 1u);
  EXPECT_NEAR(account.spent(std::time(nullptr)).month, 0.017007, 1e-6);  // 17 tokens in, 7 out
}

TEST_F(RemoteChatTest, AsksOfManyAndNamesTheBrokenOnes) {
  std::ofstream(pictures_[3]) << "no picture";
  std::filesystem::remove(pictures_[7]);
  std::set<std::size_t> answered;
  const auto failed =
      ask_remote_of_each(model_, pictures_, question_, {}, cancel_, [&](std::size_t index, const ChatAnswer& answer) {
        answered.insert(index);
        EXPECT_FALSE(answer.text.empty());
      });
  EXPECT_EQ(answered.size(), 18u);
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[0].path, pictures_[3]);
  EXPECT_EQ(failed[0].code, ErrorCode::bad_image);
  EXPECT_EQ(failed[1].code, ErrorCode::not_found);
  service_.misbehave({{"path", "/v1"}, {"status", 401}, {"times", 100}});
  EXPECT_EQ(error_of([&] {
              ask_remote_of_each(model_, pictures_, question_, {}, cancel_, [](std::size_t, const ChatAnswer&) {});
            }).code(),
            ErrorCode::unauthorized);
}

}  // namespace
}  // namespace gaze
