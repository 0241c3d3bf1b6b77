// `gaze embed` with a remote model as people run it, against server.py.
#include <cmath>
#include <fstream>
#include <set>

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

const std::string kModel = "openai:text-embedding-3-small";

class EmbedProgramTest : public testing::Test {
 protected:
  EmbedProgramTest() {
    home_.environment = {{"OPENAI_BASE_URL", service_.url("/v1")},
                         {"OPENAI_API_KEY", kTestKey},
                         {"GOOGLE_GEMINI_BASE_URL", service_.url("")},
                         {"GEMINI_API_KEY", "AIza-test-9c1e7d4f8a26b3"}};  // gemini_service.py's KEY
  }
  GazeRun embed(const std::vector<std::string>& more, const std::string& input = {},
                const std::string& model = kModel) const {
    std::vector<std::string> line{"embed", "--model", model, "--json"};
    line.insert(line.end(), more.begin(), more.end());
    return home_.run(line, input);
  }
  void write_prices(const std::string& text) const {
    std::filesystem::create_directories(home_.path("config/gaze"));
    std::ofstream(home_.path("config/gaze/prices.json")) << text;
  }

  TestService service_;
  GazeHome home_;
};

TEST_F(EmbedProgramTest, TextsBecomeVectorsOfLengthOne) {
  const GazeRun run = embed({"--text", "猫", "--text", "a dog"});  // the service sends [1, 0.5, 0] and [5, 0.5, -0.25]
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json document = run.json();
  EXPECT_EQ(document["model"], kModel);
  EXPECT_EQ(document["dimension"], 3);
  EXPECT_EQ(document["failed"], Json::array());
  ASSERT_EQ(document["embeddings"].size(), 2u);
  EXPECT_EQ(document["embeddings"][0]["input"], "猫");
  EXPECT_EQ(document["embeddings"][1]["kind"], "text");
  const std::vector<std::vector<double>> sent{{1, 0.5, 0}, {5, 0.5, -0.25}};
  for (std::size_t i = 0; i < 2; ++i) {
    const double length = std::hypot(sent[i][0], sent[i][1], sent[i][2]);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(document["embeddings"][i]["vector"][k].get<double>(), sent[i][k] / length, 1e-6);
    }
  }
  const std::vector<Json> requests = service_.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0]["path"], "/v1/embeddings");
  EXPECT_EQ(TestService::body_of(requests[0]),
            Json::parse(R"({"model":"text-embedding-3-small","input":["猫","a dog"],"encoding_format":"float"})"));
}

TEST_F(EmbedProgramTest, WhatIsKeptIsNotPaidForAgain) {
  const GazeRun first = embed({"--text", "a", "--text", "bc"});
  EXPECT_EQ(service_.requests().size(), 1u);
  const GazeRun again = embed({"--text", "a", "--text", "bc"});
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(again.err, HasSubstr("nothing was sent"));
  EXPECT_TRUE(service_.requests().empty());
  const GazeRun one_more = embed({"--text", "new", "--text", "bc"});
  EXPECT_THAT(one_more.err, Not(HasSubstr("nothing was sent")));
  EXPECT_EQ(one_more.json()["embeddings"][1], first.json()["embeddings"][1]);
  EXPECT_EQ(TestService::body_of(service_.requests().at(0))["input"], Json::array({"new"}));
  EXPECT_EQ(embed({"--text", "a", "--no-cache"}).status, 0);
  EXPECT_EQ(service_.requests().size(), 1u);
}

TEST_F(EmbedProgramTest, ShorterVectorsAreAskedForAndKeptApart) {
  EXPECT_EQ(embed({"--text", "a"}).json()["dimension"], 3);
  EXPECT_EQ(embed({"--text", "a", "--dimensions", "2"}).json()["dimension"], 2);
  EXPECT_EQ(TestService::body_of(service_.requests().at(1))["dimensions"], 2);
  EXPECT_EQ(embed({"--text", "a"}).json()["dimension"], 3);
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(home_.run({"embed", "--text", "a", "--dimensions", "2", "--json"}).error_code(), "usage");
}

TEST_F(EmbedProgramTest, ManyTextsGoAHundredAtATimeAndStayInOrder) {
  std::string lines;
  for (std::size_t i = 1; i <= 250; ++i) lines += std::string(i, 'x') + "\n";
  service_.misbehave({{"path", "/v1"},
                      {"status", 429},
                      {"body", {{"error", {{"message", "slow down"}}}}},
                      {"headers", {{"retry-after-ms", "1"}}}});
  const GazeRun run = embed({"--text", "-"}, lines);
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json document = run.json();
  ASSERT_EQ(document["embeddings"].size(), 250u);
  for (std::size_t i = 0; i < 250; ++i) {  // [length, 0.5, -place in its request / 4]
    const Json& vector = document["embeddings"][i]["vector"];
    EXPECT_NEAR(vector[1].get<double>() / vector[0].get<double>(), 0.5 / static_cast<double>(i + 1), 1e-6) << i;
  }
  std::multiset<std::size_t> sizes;
  for (const Json& request : service_.requests()) sizes.insert(TestService::body_of(request)["input"].size());
  EXPECT_TRUE((sizes == std::multiset<std::size_t>{50, 50, 100, 100}) ||
              (sizes == std::multiset<std::size_t>{50, 100, 100, 100}));
  const std::string file = home_.path("all.npy").string();
  EXPECT_EQ(embed({"--text", "-", "--output", file}, lines).status, 0);
  EXPECT_EQ(std::filesystem::file_size(file) % 128, 250 * 3 * 4 % 128);  // NumPy's header fills whole 64 bytes
  EXPECT_GT(std::filesystem::file_size(file), 3000u);
}

TEST_F(EmbedProgramTest, GeminiAndServersByAddressAlike) {
  const GazeRun gemini = embed({"--text", "a", "--text", "b"}, {}, "gemini:gemini-embedding-001");
  EXPECT_EQ(gemini.status, 0) << gemini.out;
  EXPECT_EQ(gemini.json()["embeddings"][0]["vector"], Json::array({0, 1}));
  EXPECT_EQ(service_.requests().at(0)["path"], "/v1beta/models/gemini-embedding-001:batchEmbedContents");
  EXPECT_EQ(embed({"--text", "a"}, {}, service_.url("/compatible/v1") + "#bge-m3").status, 0);
}

TEST_F(EmbedProgramTest, CountsWhatItCostsAndStopsAtTheCap) {
  write_prices(R"({"caps":{"day":0.00001},"prices":{")" + kModel + R"(":{"input":0.02}}})");
  EXPECT_EQ(embed({"--text", std::string(600, 'x')}).error_code(), "limit_exceeded");
  EXPECT_TRUE(service_.requests().empty());
  EXPECT_EQ(embed({"--text", "short"}).status, 0);
  EXPECT_THAT(read_text_file(home_.path("data/gaze/spending.jsonl"), 10'000), HasSubstr(R"("prompt_tokens":1,)"));
  EXPECT_EQ(embed({"--text", "a"}, {}, "openai:text-embedding-3-large").error_code(), "usage");  // has no price
}

TEST_F(EmbedProgramTest, ADryRunSendsNothingAndWrongUsageIsTold) {
  const GazeRun dry = embed({"--text", "猫", "--dry-run"});
  EXPECT_EQ(dry.status, 0);
  EXPECT_EQ(dry.json()["body"]["input"], Json::array({"猫"}));
  EXPECT_THAT(dry.out, Not(HasSubstr(kTestKey.substr(3))));
  write_file_atomically(home_.path("p.jpg"), encode_jpeg({8, 8, std::vector<std::uint8_t>(192, 120)}, 90));
  const GazeRun picture = embed({home_.path("p.jpg").string(), "--text", "a"});
  EXPECT_EQ(picture.error_code(), "usage");
  EXPECT_THAT(picture.out, HasSubstr("not of pictures"));
  EXPECT_EQ(embed({"--text", "a", "--special"}).error_code(), "usage");
  EXPECT_EQ(embed({}).error_code(), "usage");
  EXPECT_EQ(home_.run({"embed", "--text", "a", "--dry-run", "--json"}).error_code(), "usage");
  EXPECT_TRUE(service_.requests().empty());
  for (const char* lie :
       {R"({"data":[{"index":0,"embedding":[0,0]}]})", R"({"data":[{"index":0,"embedding":[1e39]}]})"}) {
    service_.misbehave({{"path", "/v1/embeddings"}, {"body", lie}});
    EXPECT_EQ(embed({"--text", "a", "--no-cache"}).error_code(), "invalid_json") << lie;
  }
}

}  // namespace
}  // namespace gaze
