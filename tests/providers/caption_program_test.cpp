// Remote models behind `gaze caption`, `match` and `search`, and `--route`, against server.py.
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
      Image image{32, 24, std::vector<std::uint8_t>(32 * 24 * 3)};
      for (std::size_t p = 0; p < image.rgb.size(); ++p) {
        image.rgb[p] = static_cast<std::uint8_t>(p * static_cast<std::size_t>(i + 1) / 7);
      }
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

TEST_F(CaptionProgramTest, OrdersHitsByAsking) {
  EXPECT_EQ(home_.run({"index", pictures_}).status, 3);  // one is broken
  std::vector<std::string> line{"search", "a cat", "--rerank", "--model", "openai:gpt-4o", "--json"};
  std::vector<std::string> dry = line;
  dry.push_back("--dry-run");
  const GazeRun shown = home_.run(dry);
  EXPECT_EQ(shown.status, 0) << shown.err;
  EXPECT_EQ(shown.json()["body"]["messages"][0]["content"][0]["text"],
            "How probable is it that this picture shows: a cat");
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(home_.run({"search", "a cat", "--dry-run", "--json"}).error_code(), "usage");
  const GazeRun run = home_.run(line);
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json results = run.json()["results"];
  ASSERT_EQ(results.size(), 5u);
  double before = 1;
  for (const Json& result : results) {
    EXPECT_LE(result["relevance"].get<double>(), before);
    before = result["relevance"].get<double>();
  }
  EXPECT_LT(before, results[0]["relevance"].get<double>());
  const std::vector<Json> sent = service_.requests();
  EXPECT_EQ(sent.size(), 12u);
  EXPECT_EQ(TestService::body_of(sent[0])["messages"][0]["content"][0]["text"],
            "How probable is it that this picture shows: a cat");

  service_.misbehave({{"path", "/v1"}, {"body", {{"choices", {{{"message", {{"content", "I cannot say."}}}}}}}}});
  line[1] = "not asked before";
  const GazeRun silent = home_.run(line);  // an answer that is no probability puts its picture last
  EXPECT_EQ(silent.status, 0);
  EXPECT_THAT(silent.err, HasSubstr("no probabilities"));
  EXPECT_EQ(service_.requests().size(), 12u);
  EXPECT_EQ(home_.run({"search", "a cat", "--model", "openai:gpt-4o", "--json"}).error_code(), "usage");

  EXPECT_EQ(home_.run({"caption", pictures_ + "/15.jpg", "--model", "openai:gpt-4o"}).status, 0);
  const Json found = home_.run({"search", "a cat and a dog", "--top", "12", "--json"}).json()["results"];
  EXPECT_EQ(home_.run({"tokenize", "a", "--model", "openai:gpt-4o", "--json"}).error_code(), "unsupported_model");
  std::vector<std::string> captioned;  // what a remote model said is in the library
  for (const Json& result : found) {
    if (!result["caption"].is_null()) captioned.push_back(result["path"].get<std::string>());
  }
  EXPECT_EQ(captioned, std::vector<std::string>{pictures_ + "/15.jpg"});
}

TEST_F(CaptionProgramTest, CaptionsThatAreNotSureAreRouted) {
  // Forced to go on beyond its end a sentence is never sure.
  const std::vector<std::string> line{
      "caption", pictures_ + "/10.jpg", pictures_ + "/11.jpg", "/no/such.jpg", "--min-length", "25", "--json"};
  const Json here = home_.run(line).json();
  std::size_t unsure = 0;
  for (const Json& caption : here["captions"]) unsure += caption["score"].get<double>() < -1;
  EXPECT_GT(unsure, 0u);
  std::vector<std::string> routed = line;
  routed.insert(routed.end(), {"--route", "openai:gpt-4o"});
  const GazeRun run = home_.run(routed);
  EXPECT_EQ(run.status, 3) << run.err;
  EXPECT_THAT(run.err, HasSubstr("gaze-mini is not sure of"));
  const Json document = run.json();
  EXPECT_EQ(document["model"], "gaze-mini");
  EXPECT_EQ(document["failed"].size(), 1u);
  ASSERT_EQ(document["captions"].size(), 2u);
  std::size_t asked = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(document["captions"][i]["image"], here["captions"][i]["image"]);
    if (!document["captions"][i].contains("model")) continue;
    EXPECT_THAT(document["captions"][i]["text"].get<std::string>(), HasSubstr("一只猫"));
    ++asked;
  }
  EXPECT_EQ(asked, unsure);
  EXPECT_EQ(service_.requests().size(), unsure);
  const GazeRun failed =
      home_.run({"caption", pictures_ + "/10.jpg", "--model", "/no/such", "--route", "openai:gpt-4o", "--json"});
  EXPECT_EQ(failed.json()["model"], "openai:gpt-4o");
  service_.misbehave({{"path", "/v1"}, {"status", 400}, {"times", 100}});
  EXPECT_EQ(home_.run({"caption", pictures_ + "/12.jpg", "--min-length", "25", "--route", "openai:gpt-4o"}).out,
            home_.run({"caption", pictures_ + "/12.jpg", "--min-length", "25"}).out);  // a guess is better than nothing
}

TEST_F(CaptionProgramTest, ARouteIsTakenOnlyWhereTheModelHereIsUnsureOrFails) {
  const std::string picture = pictures_ + "/10.jpg";
  const std::vector<std::string> route{"--route", "openai:gpt-4o", "--json"};
  const auto routed = [&](std::vector<std::string> line) {
    line.insert(line.end(), route.begin(), route.end());
    return home_.run(line);
  };
  EXPECT_EQ(routed({"match", picture, "a cat"}).json()["model"], "gaze-mini");  // the only text: certain
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(home_.run({"match", picture, "a cat", "a cat", "a cat", "--json"}).json()["model"], "gaze-mini");
  EXPECT_TRUE(service_.requests().empty());  // nobody said so
  const GazeRun unsure = routed({"match", picture, "a cat", "a cat", "a cat"});
  EXPECT_EQ(unsure.json()["model"], "openai:gpt-4o");
  EXPECT_THAT(unsure.err, HasSubstr("gaze-mini is not sure"));
  EXPECT_EQ(routed({"match", picture, "a cat", "a dog", "--model", "/no/such"}).json()["model"], "openai:gpt-4o");
  EXPECT_EQ(service_.requests().size(), 2u);

  EXPECT_EQ(routed({"ask", picture, "What?"}).json()["model"], "openai:gpt-4o");  // no model here can answer
  EXPECT_EQ(service_.requests().size(), 1u);
  EXPECT_EQ(routed({"ask", pictures_ + "/broken.jpg", "What?"}).error_code(), "bad_image");
  EXPECT_EQ(routed({"match", pictures_ + "/broken.jpg", "a cat", "a dog"}).error_code(), "bad_image");
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(home_.run({"ask", picture, "What?", "--route", "gaze-mini", "--json"}).error_code(), "usage");
}

TEST_F(CaptionProgramTest, ADryRunShowsTheFirstRequestAndSendsNothing) {
  const GazeRun captions = home_.run({"caption", pictures_, "--model", "openai:gpt-4o", "--dry-run", "--json"});
  EXPECT_EQ(captions.status, 0) << captions.out << captions.err;
  EXPECT_EQ(captions.json()["body"]["messages"][0]["content"][1]["type"], "image_url");
  EXPECT_EQ(captions.json()["headers"]["Authorization"].get<std::string>().find(kTestKey), std::string::npos);
  const GazeRun match =
      home_.run({"match", pictures_ + "/10.jpg", "a cat", "a dog", "--route", "openai:gpt-4o", "--dry-run", "--json"});
  EXPECT_EQ(match.json()["body"]["model"], "gpt-4o") << match.out;
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(home_.run({"match", pictures_ + "/10.jpg", "a cat", "--dry-run", "--json"}).error_code(), "usage");
  EXPECT_EQ(home_.run({"caption", pictures_, "--dry-run", "--json"}).error_code(), "usage");  // of a model here
}

}  // namespace
}  // namespace gaze
