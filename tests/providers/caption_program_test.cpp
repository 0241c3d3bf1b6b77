// Remote models behind `gaze caption` and `gaze match`, against server.py.
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

class CaptionProgramTest : public testing::Test {
 protected:
  CaptionProgramTest() {
    std::filesystem::create_directories(home_.path("pictures"));
    for (int i = 0; i < 12; ++i) {
      const Image image{32, 24, std::vector<std::uint8_t>(32 * 24 * 3, static_cast<std::uint8_t>(20 * i))};
      write_file_atomically(home_.path("pictures/" + std::to_string(10 + i) + ".jpg"), encode_jpeg(image, 90));
    }
    std::ofstream(home_.path("pictures/song.mp3")) << "no picture, and nobody asked to send it";
    std::ofstream(home_.path("pictures/broken.jpg")) << "no picture";
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")}, {"OPENAI_API_KEY", kTestKey}};
  }

  TestService service_;
  GazeHome home_;
  const std::string pictures_ = home_.path("pictures").string();
};

TEST_F(CaptionProgramTest, DescribesAFolderOfPicturesAndSendsNothingElse) {
  const GazeRun run = home_.run({"caption", pictures_, "--model", "openai:gpt-4o", "--language", "zh", "--json"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json captions = run.json()["captions"];
  ASSERT_EQ(captions.size(), 12u);
  EXPECT_EQ(run.json()["model"], "openai:gpt-4o");
  for (std::size_t i = 0; i < 12; ++i) {  // in the order of the folder, however the answers came
    EXPECT_THAT(captions[i]["image"].get<std::string>(), HasSubstr(std::to_string(10 + i) + ".jpg"));
    EXPECT_EQ(captions[i]["text"], "这张图片里有一只猫 🐱 and a dog. Ça va?");  // one line
    EXPECT_TRUE(captions[i]["score"].is_null());
    EXPECT_EQ(captions[i]["ids"], Json::array());
    EXPECT_EQ(captions[i]["candidates"].size(), 1u);
  }
  const std::vector<Json> sent = service_.requests();
  EXPECT_EQ(sent.size(), 12u);
  const Json body = TestService::body_of(sent[0]);
  EXPECT_THAT(body["messages"][0]["content"][0]["text"].get<std::string>(), HasSubstr("描述"));
  EXPECT_EQ(home_.run({"caption", pictures_, "--model", "openai:gpt-4o", "--language", "zh"}).status, 0);
  EXPECT_TRUE(service_.requests().empty());  // all answers are kept
}

TEST_F(CaptionProgramTest, TellsWhatFailedAndDoesTheOthers) {
  const GazeRun run = home_.run({"caption", pictures_ + "/broken.jpg", pictures_ + "/10.jpg", "/no/such.jpg", "--model",
                                 "openai:gpt-4o", "--prompt", "What?", "--json"});
  EXPECT_EQ(run.status, 3) << run.out;
  EXPECT_EQ(run.json()["captions"].size(), 1u);
  ASSERT_EQ(run.json()["failed"].size(), 2u);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["messages"][0]["content"][0]["text"], "What?");
  service_.misbehave({{"path", "/v1"}, {"status", 401}, {"times", 100}});
  EXPECT_EQ(home_.run({"caption", pictures_, "--model", "openai:gpt-4o", "--json"}).error_code(), "unauthorized");
  EXPECT_EQ(home_.run({"caption", pictures_, "--model", "openai:gpt-4o", "--beams", "3", "--json"}).status, 2);
}

TEST_F(CaptionProgramTest, TakesAPipeAndWritesIntoFiles) {
  const std::string bytes = read_text_file(pictures_ + "/10.jpg", 100'000);
  EXPECT_EQ(home_.run({"caption", "-", "--model", "openai:gpt-4o", "--json"}, bytes).json()["captions"][0]["image"],
            "-");
  const GazeRun run =
      home_.run({"caption", pictures_ + "/11.jpg", "--model", "openai:gpt-4o", "--write-xmp", "--json"});
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(run.json()["xmp"][0]["change"], "written");
}

TEST_F(CaptionProgramTest, MatchesByAsking) {
  const std::vector<std::string> line{"match", pictures_ + "/10.jpg", "a cat", "a dog", "猫和狗", "--json"};
  std::vector<std::string> remote = line;
  remote.insert(remote.end(), {"--model", "openai:gpt-4o"});
  const GazeRun run = home_.run(remote);
  EXPECT_EQ(run.status, 0) << run.out;
  EXPECT_EQ(run.json()["normalisation"], "softmax");
  const Json matches = run.json()["matches"];
  ASSERT_EQ(matches.size(), 3u);  // the service answers 0, 0.1, 0.2
  EXPECT_NEAR(matches[0]["probability"].get<double>(), 0, 1e-4);
  EXPECT_NEAR(matches[1]["probability"].get<double>(), 1.0 / 3, 1e-4);
  EXPECT_NEAR(matches[2]["probability"].get<double>(), 2.0 / 3, 1e-4);
  EXPECT_NEAR(matches[2]["logit"].get<double>(), -0.405465, 1e-3);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["response_format"]["type"], "json_schema");
  service_.misbehave({{"path", "/v1"}, {"body", {{"choices", {{{"message", {{"content", "I cannot say."}}}}}}}}});
  remote.push_back("not asked before");
  EXPECT_EQ(home_.run(remote).error_code(), "invalid_json");
}

}  // namespace
}  // namespace gaze
