// `gaze pull` as people run it, against server.py.
#include <csignal>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gaze_run.h"
#include "hostile_names.h"
#include "media/encode.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kToken = "hf_test_7d2c91e0b845";  // hub_service.py's TOKEN

class PullProgramTest : public testing::Test {
 protected:
  PullProgramTest() {
    home_.environment = {{"HF_ENDPOINT", service_.url("")}, {"MODELSCOPE_ENDPOINT", service_.url("")}};
  }
  std::filesystem::path model(const std::string& id) const { return home_.path("data/gaze/models") / id; }

  TestService service_;
  GazeHome home_;
};

TEST_F(PullProgramTest, AModelWorksByItsIdAfterwards) {
  const std::string picture = home_.path("p.jpg").string();
  write_file_atomically(picture, encode_jpeg({64, 48, std::vector<std::uint8_t>(64 * 48 * 3, 120)}, 90));
  const std::vector<std::string> match{"match", picture, "a", "b", "--model", "test/working-clip", "--json"};
  const GazeRun before = home_.run(match);
  EXPECT_EQ(before.error_code(), "model_not_found");
  EXPECT_THAT(before.out, HasSubstr("gaze pull"));

  const GazeRun run = home_.run({"pull", "test/working-clip", "--json"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  const Json entry = run.json().at("models").at(0);
  EXPECT_EQ(entry["name"], "test/working-clip");
  EXPECT_EQ(entry["kind"], "clip");
  EXPECT_EQ(entry["path"], model("test/working-clip").string());
  EXPECT_THAT(entry["tasks"].dump(), HasSubstr("match"));
  EXPECT_EQ(home_.run(match).status, 0);
  EXPECT_THAT(home_.run({"models", "--json"}).out, HasSubstr("test/working-clip"));
  EXPECT_EQ(home_.run({"models", "verify", "test/working-clip"}).status, 0);

  service_.requests();
  EXPECT_EQ(home_.run({"pull", "test/working-clip"}).status, 0);  // all is there: only the list is asked for
  EXPECT_EQ(service_.requests().size(), 1u);
  home_.environment["HF_HUB_OFFLINE"] = "1";
  EXPECT_EQ(home_.run({"pull", "test/working-clip"}).status, 0);
  EXPECT_EQ(home_.run({"pull", "test/quantised", "--json"}).error_code(), "network");
  EXPECT_TRUE(service_.requests().empty());

  std::ofstream(model("test/working-clip") / "merges.txt", std::ios::app) << "x";
  const GazeRun changed = home_.run({"models", "verify", "test/working-clip", "--json"});
  EXPECT_EQ(changed.error_code(), "bad_weights");
  EXPECT_THAT(changed.out, HasSubstr("merges.txt"));
}

TEST_F(PullProgramTest, TakesModelScopeIdsAndWantedFiles) {
  const GazeRun run = home_.run({"pull", "modelscope:test/working-clip", "--file", "cases.json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(std::filesystem::exists(model("test/working-clip") / "cases.json"));
  EXPECT_FALSE(std::filesystem::exists(model("test/working-clip") / "onnx"));
  EXPECT_EQ(home_.run({"pull", "test/quantised", "--file", "m-Q8_0.gguf", "--json"}).json()["models"][0]["kind"],
            "gguf");
}

TEST_F(PullProgramTest, ATokenGoesToTheHubAlone) {
  EXPECT_EQ(home_.run({"pull", "test/private", "--json"}).error_code(), "model_not_found");
  home_.environment["HF_TOKEN"] = kToken;
  service_.requests();
  const GazeRun run = home_.run({"pull", "test/private", "--verbose"});
  EXPECT_EQ(run.status, 0) << run.err;
  for (const Json& request : service_.requests()) {
    const bool storage = request["path"].get<std::string>().starts_with("/storage/");
    EXPECT_EQ(request["headers"].contains("authorization"), !storage) << request["path"];
  }
  EXPECT_EQ((run.out + run.err + home_.everything_written()).find(kToken.substr(0, 10)), std::string::npos);
  EXPECT_EQ(home_.run({"pull", "test/gated", "--json"}).error_code(), "unauthorized");
}

TEST_F(PullProgramTest, GoesOnAfterDropsAndAfterAStop) {
  service_.misbehave({{"path", "/storage/"}, {"cut", 400'000}, {"times", 3}});
  EXPECT_EQ(home_.run({"pull", "test/tiny-clip"}).status, 0);
  std::filesystem::remove_all(model("test/tiny-clip"));

  service_.misbehave({{"path", "/storage/"}, {"split", {100'000}}, {"pause", 0.05}});
  const GazeRun stopped = home_.run_on_terminal({"pull", "test/tiny-clip"}, [&](const std::string& screen) {
    return screen.find("1/3 MiB") != std::string::npos ? std::string(1, '\x03') : std::string();  // Ctrl-C
  });
  EXPECT_EQ(stopped.status, 130) << stopped.out;
  EXPECT_FALSE(std::filesystem::exists(model("test/tiny-clip") / "gaze-manifest.json"));
  service_.requests();
  EXPECT_EQ(home_.run({"pull", "test/tiny-clip"}).status, 0);
  bool resumed = false;
  for (const Json& request : service_.requests()) resumed = resumed || request["headers"].contains("range");
  EXPECT_TRUE(resumed);
  EXPECT_TRUE(std::filesystem::exists(model("test/tiny-clip") / "gaze-manifest.json"));
}

TEST_F(PullProgramTest, WrongBytesNeverArrive) {
  for (const Json& lie : {Json{{"corrupt", true}}, Json{{"extra", 5000}}, Json{{"body", "short"}}}) {
    Json fault = lie;
    fault["path"] = "/storage/";
    fault["times"] = 2;  // once, and once more from the beginning
    service_.misbehave(fault);
    const GazeRun run = home_.run({"pull", "test/tiny-clip", "--json"});
    if (run.status != 0) {
      EXPECT_EQ(run.error_code(), "network") << lie;
    }
    EXPECT_EQ(std::filesystem::exists(model("test/tiny-clip") / "model.safetensors"), run.status == 0) << lie;
  }
  service_.misbehave({{"path", "/nothing"}});
  EXPECT_EQ(home_.run({"pull", "test/tiny-clip"}).status, 0);
}

TEST_F(PullProgramTest, WritesNothingUnderAHostileName) {
  std::set<std::string> names;
  for (const std::string& name : hostile_names()) {
    if (to_valid_utf8(name) == name) names.insert(name);  // others cannot stand in JSON
  }
  EXPECT_GE(names.size(), 60u);
  for (const std::string& name : names) {
    const Json good{{"rfilename", "model.safetensors"}, {"size", 1}, {"blobId", std::string(40, 'a')}};
    Json bad = good;
    bad["rfilename"] = name;
    service_.misbehave(
        {{"path", "/api/models"}, {"body", {{"sha", std::string(40, '0')}, {"siblings", Json::array({good, bad})}}}});
    const GazeRun run = home_.run({"pull", "test/tiny-clip", "--json"});
    EXPECT_EQ(run.status, 1) << name;
    EXPECT_EQ(run.error_code(), "bad_weights") << name;
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home_.path("data"))) {
    if (entry.is_regular_file()) {
      EXPECT_EQ(entry.path().filename(), "lock");  // of the pull itself
    }
  }
}

TEST_F(PullProgramTest, WrongUsageIsToldAsSuch) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"pull"}, {"pull", "a", "b"}, {"pull", "../x"}, {"pull", "a/b/c"}, {"pull", ""}}) {
    std::vector<std::string> with_json = line;
    with_json.push_back("--json");
    EXPECT_EQ(home_.run(with_json).status, 2) << testing::PrintToString(line);
  }
}

}  // namespace
}  // namespace gaze
