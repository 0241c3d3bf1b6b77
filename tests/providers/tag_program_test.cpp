// `gaze tag` by asking a remote model, alone or where the model here is unsure, against server.py.
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

class TagProgramTest : public testing::Test {
 protected:
  TagProgramTest() {
    std::filesystem::create_directories(home_.path("pictures"));
    for (int i = 0; i < 3; ++i) {
      const Image image{32, 24, std::vector<std::uint8_t>(32 * 24 * 3, static_cast<std::uint8_t>(80 * i))};
      write_file_atomically(home_.path("pictures/" + std::to_string(i) + ".jpg"), encode_jpeg(image, 90));
    }
    std::ofstream(home_.path("pictures/song.mp3")) << "no picture, and nobody asked to send it";
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")}, {"OPENAI_API_KEY", kTestKey}};
  }

  GazeRun tag(const std::vector<std::string>& more) const {
    std::vector<std::string> line{"tag", pictures_, "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return home_.run(line);
  }

  TestService service_;
  GazeHome home_;
  const std::string pictures_ = home_.path("pictures").string();
};

TEST_F(TagProgramTest, AsksAboutEveryPicture) {
  const GazeRun run = tag({"--labels", "猫,dog,car", "--model", "openai:gpt-4o"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json document = run.json();
  EXPECT_EQ(document["model"], "openai:gpt-4o");
  EXPECT_EQ(document["normalisation"], "sigmoid");
  ASSERT_EQ(document["images"].size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& image = document["images"][i];
    EXPECT_EQ(image["image"], pictures_ + "/" + std::to_string(i) + ".jpg");
    EXPECT_EQ(image["none_probability"], 0.25);
    ASSERT_EQ(image["tags"].size(), 3u);  // the service answers 0, 0.1, 0.2
    EXPECT_EQ(image["tags"][0], Json({{"label", "car"}, {"probability", 0.2}}));
    EXPECT_EQ(image["tags"][2], Json({{"label", "猫"}, {"probability", 0}}));
  }
  const std::vector<Json> sent = service_.requests();
  ASSERT_EQ(sent.size(), 3u);
  const Json body = TestService::body_of(sent[0]);
  EXPECT_THAT(body["messages"][0]["content"][0]["text"].get<std::string>(), HasSubstr("\n2. dog\n"));
  const Json schema = body["response_format"]["json_schema"]["schema"];
  EXPECT_EQ(schema["required"], Json::array({"probabilities", "none"}));
  EXPECT_EQ(schema["properties"]["none"]["type"], "number");
}

TEST_F(TagProgramTest, AnAnswerThatIsNoProbabilityFailsItsPictureAlone) {
  service_.misbehave({{"path", "/v1"}, {"body", {{"choices", {{{"message", {{"content", "A cat, I think."}}}}}}}}});
  const GazeRun run = tag({"--labels", "cat", "--model", "openai:gpt-4o"});
  EXPECT_EQ(run.status, 3) << run.out;
  EXPECT_EQ(run.json()["images"].size(), 2u);
  EXPECT_EQ(run.json()["failed"][0]["code"], "invalid_json");
}

TEST_F(TagProgramTest, ADryRunShowsTheFirstRequest) {
  const GazeRun shown = tag({"--labels", "cat", "--model", "openai:gpt-4o", "--dry-run"});
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(tag({"--labels", "cat", "--model", "openai:gpt-4o"}).status, 0);
  std::vector<Json> bodies;
  for (const Json& request : service_.requests()) bodies.push_back(TestService::body_of(request));
  EXPECT_THAT(bodies, testing::Contains(shown.json()["body"]));
  EXPECT_EQ(tag({"--labels", "cat", "--route", "openai:gpt-4o", "--dry-run"}).json()["body"], shown.json()["body"]);
}

TEST_F(TagProgramTest, ARouteIsAskedOnlyAboutWhatIsUnsureOrFails) {
  const std::vector<std::string> route{"--route", "openai:gpt-4o"};
  const auto routed = [&](std::vector<std::string> line) {
    line.insert(line.end(), route.begin(), route.end());
    return tag(line);
  };
  std::filesystem::copy(GAZE_SOURCE_DIR "/samples/dalmatian_0048.jpg", pictures_ + "/dog.jpg");
  const std::string alike = "dog,dog.,dog..";  // one text to the model here: none of them has half
  const Json here = tag({"--labels", alike}).json();
  std::size_t unsure = 0;
  for (const Json& image : here["images"]) {
    unsure += image["none_probability"].get<double>() < 0.5 && image["tags"][0]["probability"].get<double>() < 0.5;
  }
  EXPECT_TRUE(service_.requests().empty());
  const GazeRun run = routed({"--labels", alike});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(service_.requests().size(), unsure);
  const Json images = run.json()["images"];
  std::size_t asked = 0;
  for (const Json& image : images) asked += image.contains("model");
  EXPECT_EQ(asked, unsure);
  EXPECT_GT(unsure, 0u);
  EXPECT_EQ(run.json()["model"], "gaze-mini");

  const GazeRun failed = routed({"--labels", "cat", "--model", "/no/such"});
  EXPECT_EQ(failed.json()["model"], "openai:gpt-4o");
  EXPECT_EQ(failed.json()["images"].size(), 4u);
  EXPECT_EQ(service_.requests().size(), 4u);
}

}  // namespace
}  // namespace gaze
