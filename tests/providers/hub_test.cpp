// The hub client against server.py.
#include "providers/hub.h"

#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "hostile_names.h"
#include "providers/encoding.h"
#include "providers/file_name.h"
#include "test_service.h"

namespace gaze {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const std::string kToken = "hf_test_7d2c91e0b845";  // hub_service.py's TOKEN

class HubTest : public testing::Test {
 protected:
  HubTest() { std::filesystem::remove_all(folder_); }
  ~HubTest() override { std::filesystem::remove_all(folder_); }

  void pull_model(const std::string& id, const std::vector<std::string>& wanted = {},
                  const std::string& token = kToken) {
    const PullRequest request{.id = parse_hub_id(id), .revision = "", .wanted = wanted, .folder = folder_};
    HubSource source{request.id.kind, service_.url(""), Secret(token)};
    pull(request, source, HttpOptions(), quick_retries(), cancel_, [&](std::int64_t done, std::int64_t total) {
      EXPECT_LE(done, total);
      done_ = done, total_ = total;
    });
  }
  ErrorCode pull_fails(const std::string& id, const std::string& token = kToken) {
    return error_of([&] { pull_model(id, {}, token); }).code();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      const auto name = std::filesystem::relative(entry.path(), folder_).string();
      if (entry.is_regular_file() && !name.starts_with(kWorkFolderName)) names.push_back(name);
    }
    return names;
  }
  bool all_good() {
    const auto verified = verify_model(folder_, cancel_);
    return !verified.empty() && std::all_of(verified.begin(), verified.end(), [](const VerifiedFile& file) {
      return file.state == VerifiedFile::State::good;
    });
  }

  TestService service_;
  CancelToken cancel_;
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("gaze-hub-test-" + std::to_string(::getpid()));
  std::int64_t done_ = 0, total_ = 0;
};

TEST_F(HubTest, FetchesWhatIsNeededAndNothingElse) {
  pull_model("test/tiny-clip");
  EXPECT_THAT(files(), UnorderedElementsAre("config.json", "preprocessor_config.json", "tokenizer.json", "README.md",
                                            "model.safetensors", "gaze-manifest.json", "SHA256SUMS"));
  EXPECT_TRUE(all_good());
  EXPECT_EQ(done_, total_);
  EXPECT_GT(total_, 3'000'000);
  const Json manifest = read_json_file(folder_ / kManifestName);
  EXPECT_EQ(manifest["id"], "test/tiny-clip");
  EXPECT_EQ(manifest["commit"], "0123456789abcdef0123456789abcdef01234567");
  EXPECT_EQ(manifest["files"]["config.json"]["sha256"], sha256_hex(R"({"model_type": "clip"})"));
  for (const Json& request : service_.requests()) {  // the token goes to the hub, not to its storage host
    const bool storage = request["path"].get<std::string>().starts_with("/storage/");
    EXPECT_EQ(request["headers"].contains("authorization"), !storage) << request["path"];
  }
  pull_model("test/tiny-clip");  // nothing to do but to look at the list
  EXPECT_EQ(service_.requests().size(), 1u);
}

TEST_F(HubTest, TakesWantedFilesAndOneQuantisation) {
  pull_model("test/tiny-clip", {"extra/notes 图.txt", "empty.txt"});
  EXPECT_THAT(files(), testing::IsSupersetOf({"extra/notes 图.txt", "empty.txt", "model.safetensors"}));
  EXPECT_EQ(error_of([&] { pull_model("test/tiny-clip", {"nothing.bin"}); }).code(), ErrorCode::not_found);
  std::filesystem::remove_all(folder_);
  pull_model("test/quantised");
  EXPECT_THAT(files(), UnorderedElementsAre("README.md", "m-Q4_K_M.gguf", "mmproj-f16.gguf", "gaze-manifest.json",
                                            "SHA256SUMS"));
  std::filesystem::remove_all(folder_);
  for (const char* wanted : {"m-Q8_0.gguf", "q8_0"}) {  // by name, or by quantisation; what it sees with comes along
    std::filesystem::remove_all(folder_);
    pull_model("test/quantised", {wanted});
    EXPECT_THAT(files(), UnorderedElementsAre("README.md", "m-Q8_0.gguf", "mmproj-f16.gguf", "gaze-manifest.json",
                                              "SHA256SUMS"));
  }
  const Error none = error_of([&] { pull_model("test/quantised", {"8_0"}); });
  EXPECT_EQ(none.code(), ErrorCode::not_found);
  EXPECT_THAT(none.hint(), testing::HasSubstr("m-Q8_0.gguf"));
}

TEST_F(HubTest, TakesAllPartsOfASplitModel) {
  pull_model("test/split");
  EXPECT_THAT(files(), UnorderedElementsAre("m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf",
                                            "mmproj-f16.gguf", "gaze-manifest.json", "SHA256SUMS"));
  for (const char* wanted : {"q2_k", "m-Q2_K-00001-of-00002.gguf", "m-Q2_K-00002-of-00002.gguf"}) {
    std::filesystem::remove_all(folder_);
    pull_model("test/split", {wanted});
    EXPECT_THAT(files(), UnorderedElementsAre("m-Q2_K-00001-of-00002.gguf", "m-Q2_K-00002-of-00002.gguf",
                                              "mmproj-f16.gguf", "gaze-manifest.json", "SHA256SUMS"));
  }
}

TEST_F(HubTest, SpeaksToModelScope) {
  pull_model("modelscope:test/tiny-clip", {"extra/notes 图.txt"});
  EXPECT_THAT(files(), testing::Contains("model.safetensors"));
  EXPECT_TRUE(all_good());
}

TEST_F(HubTest, GoesOnWhereItStopped) {
  service_.misbehave({{"path", "/storage/"}, {"cut", 400'000}, {"times", 4}});
  pull_model("test/tiny-clip");
  EXPECT_TRUE(all_good());
  std::vector<std::string> ranges;
  for (const Json& request : service_.requests()) {
    if (request["path"].get<std::string>().starts_with("/storage/")) {
      ranges.push_back(request["headers"].value("range", ""));
      EXPECT_EQ(request["headers"].contains("if-range"), ranges.size() > 1);
    }
  }
  EXPECT_THAT(ranges, ElementsAre("", "bytes=400000-", "bytes=800000-", "bytes=1200000-", "bytes=1600000-"));
}

TEST_F(HubTest, KeepsWhatCameForTheNextPull) {
  service_.misbehave({{"path", "/storage/"}, {"cut", 100'000}, {"times", 1}});
  RetryPolicy none = quick_retries();
  none.retries = 0;
  const PullRequest request{.id = parse_hub_id("test/tiny-clip"), .revision = "", .wanted = {}, .folder = folder_};
  const HubSource source{HubKind::hugging_face, service_.url(""), Secret()};
  service_.misbehave({{"path", "/storage/"}, {"close", true}, {"times", 1}});
  EXPECT_EQ(error_of([&] { pull(request, source, HttpOptions(), none, cancel_, {}); }).code(), ErrorCode::network);
  EXPECT_FALSE(std::filesystem::exists(folder_ / kManifestName));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "model.safetensors"));
  pull_model("test/tiny-clip");
  EXPECT_TRUE(all_good());
}

TEST_F(HubTest, SurvivesServersThatLie) {
  for (const Json& lie : {Json{{"extra", 5000}}, Json{{"corrupt", true}}, Json{{"length", 10}},
                          Json{{"status", 206}, {"body", "not the part"}}, Json{{"body", "short"}},
                          Json{{"status", 206}, {"body", "x"}, {"headers", {{"Content-Range", "bytes 5-5/3000000"}}}},
                          Json{{"status", 404}}, Json{{"status", 403}}}) {
    Json fault = lie;
    fault["path"] = "/storage/";
    fault["times"] = 100;
    service_.misbehave(fault);
    const Error error = error_of([&] { pull_model("test/tiny-clip"); });
    EXPECT_THAT((std::vector{ErrorCode::network, ErrorCode::model_not_found, ErrorCode::unauthorized}),
                testing::Contains(error.code()))
        << lie;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "model.safetensors")) << lie;
    EXPECT_FALSE(std::filesystem::exists(folder_ / kManifestName)) << lie;
  }
  service_.misbehave({{"path", "/nothing"}});
  pull_model("test/tiny-clip");
  EXPECT_TRUE(all_good());
}

TEST_F(HubTest, StartsAgainWhereRangesAreIgnored) {
  service_.misbehave({{"path", "/storage/"}, {"cut", 400'000}, {"ignore_range", true}, {"times", 3}});
  pull_model("test/tiny-clip");
  EXPECT_TRUE(all_good());
}

TEST_F(HubTest, TellsWhyAModelIsNotGiven) {
  EXPECT_EQ(pull_fails("test/nothing"), ErrorCode::model_not_found);
  EXPECT_EQ(pull_fails("test/private", ""), ErrorCode::model_not_found);
  EXPECT_NO_THROW(pull_model("test/private"));
  EXPECT_EQ(pull_fails("test/gated"), ErrorCode::unauthorized);
  EXPECT_EQ(pull_fails("test/no-weights"), ErrorCode::unsupported_model);
  EXPECT_EQ(pull_fails("modelscope:test/nothing"), ErrorCode::model_not_found);
  for (const char* id :
       {"", "/", "a/", "/a", "a/b/c", "../x", "a/..", "a b/c", ".a/b", "-a/b", "a/b?x", "模型/x", "modelscope:x"}) {
    EXPECT_EQ(error_of([&] { parse_hub_id(id); }).code(), ErrorCode::usage) << id;
  }
}

TEST_F(HubTest, WritesNoFileWithAHostileName) {
  const std::vector<std::string> names = hostile_names();
  EXPECT_GE(std::set<std::string>(names.begin(), names.end()).size(), 60u);
  for (const std::string& name : names) {
    EXPECT_EQ(error_of([&] { check_file_name(name); }).code(), ErrorCode::bad_weights) << name;
    if (to_valid_utf8(name) != name) continue;  // cannot stand in JSON
    const Json file{{"rfilename", name}, {"size", 1}, {"blobId", std::string(40, 'a')}};
    const Json good{{"rfilename", "model.safetensors"}, {"size", 1}, {"blobId", std::string(40, 'a')}};
    const Json listing{{"sha", std::string(40, '0')}, {"siblings", Json::array({good, file})}};
    service_.misbehave({{"path", "/api/models"}, {"body", listing}});
    EXPECT_EQ(pull_fails("test/tiny-clip"), ErrorCode::bad_weights) << name;
  }
  EXPECT_TRUE(files().empty());
  for (const char* fine :
       {"config.json", "a/b.txt", "图/片 1.png", ".gitattributes", "a..b", "model-00001-of-00002.safetensors"}) {
    EXPECT_NO_THROW(check_file_name(fine)) << fine;
  }
}

TEST_F(HubTest, FollowsNoLinkOutOfItsFolder) {
  const auto outside = folder_.string() + "-outside";
  std::filesystem::create_directories(outside);
  std::filesystem::create_directories(folder_);
  std::filesystem::create_directory_symlink(outside, folder_ / "extra");
  EXPECT_EQ(error_of([&] { pull_model("test/tiny-clip", {"extra/notes 图.txt"}); }).code(), ErrorCode::not_found);
  EXPECT_TRUE(std::filesystem::is_empty(outside));
  std::filesystem::remove_all(outside);
}

TEST_F(HubTest, RefusesListsThatMakeNoSense) {
  const auto fails = [&](const Json& listing) {
    service_.misbehave({{"path", "/api/models"}, {"body", listing}});
    return pull_fails("test/tiny-clip");
  };
  const std::string commit(40, '0'), blob(40, 'a');
  EXPECT_EQ(fails("nonsense"), ErrorCode::invalid_json);
  EXPECT_EQ(fails({{"sha", "../../x"}, {"siblings", Json::array()}}), ErrorCode::invalid_json);
  EXPECT_EQ(fails({{"sha", commit}, {"siblings", 5}}), ErrorCode::invalid_json);
  EXPECT_EQ(fails({{"sha", commit}, {"siblings", {{{"rfilename", "model.safetensors"}}}}}), ErrorCode::bad_weights);
  EXPECT_EQ(fails({{"sha", commit}, {"siblings", {{{"rfilename", "config.json"}, {"size", -1}, {"blobId", blob}}}}}),
            ErrorCode::bad_weights);
  const Json file{{"rfilename", "model.safetensors"}, {"size", 1}, {"blobId", blob}};
  EXPECT_EQ(fails({{"sha", commit}, {"siblings", Json::array({file, file})}}), ErrorCode::bad_weights);
  Json huge = file;
  huge["size"] = std::int64_t{1} << 41;
  EXPECT_EQ(fails({{"sha", commit}, {"siblings", Json::array({huge})}}), ErrorCode::disk_full);
}

TEST_F(HubTest, StopsWhenAskedAndWorksOffline) {
  service_.misbehave({{"path", "/storage/"}, {"delay", 30}});
  std::thread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancel_.cancel();
  });
  EXPECT_EQ(pull_fails("test/tiny-clip"), ErrorCode::cancelled);
  stopper.join();
  const CancelToken fresh;
  PullRequest request{.id = parse_hub_id("test/quantised"), .revision = "", .wanted = {}, .folder = folder_};
  const HubSource source{HubKind::hugging_face, service_.url(""), Secret()};
  request.offline = true;
  EXPECT_EQ(error_of([&] { pull(request, source, HttpOptions(), quick_retries(), fresh, {}); }).code(),
            ErrorCode::network);
  request.offline = false;
  pull(request, source, HttpOptions(), quick_retries(), fresh, {});
  request.offline = true;
  EXPECT_NO_THROW(pull(request, source, HttpOptions(), quick_retries(), fresh, {}));
}

TEST_F(HubTest, LeavesNothingOfAnotherCommit) {
  pull_model("test/tiny-clip", {"extra/notes 图.txt"});
  Json manifest = read_json_file(folder_ / kManifestName);
  manifest["commit"] = std::string(40, 'f');
  write_file_atomically(folder_ / kManifestName, manifest.dump());
  pull_model("test/tiny-clip");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "extra/notes 图.txt"));
  EXPECT_TRUE(all_good());
}

TEST_F(HubTest, FindsWhatChangedLater) {
  pull_model("test/quantised");
  std::ofstream(folder_ / "m-Q4_K_M.gguf", std::ios::in | std::ios::out).put('!');
  std::filesystem::remove(folder_ / "mmproj-f16.gguf");
  std::vector<std::pair<std::string, VerifiedFile::State>> states;
  for (const VerifiedFile& file : verify_model(folder_, cancel_)) states.emplace_back(file.name, file.state);
  EXPECT_THAT(states, UnorderedElementsAre(std::pair("README.md", VerifiedFile::State::good),
                                           std::pair("m-Q4_K_M.gguf", VerifiedFile::State::changed),
                                           std::pair("mmproj-f16.gguf", VerifiedFile::State::missing)));
  pull_model("test/quantised");  // and pulling again mends it
  EXPECT_TRUE(all_good());
}

// A real full disk: a 2 MB memory file system in a namespace of its own.
TEST_F(HubTest, ReportsAFullDiskAndGoesOnWhenThereIsRoom) {
  const auto run = [](const std::string& script) {
    return std::system(("unshare -rm sh -c '" + script + "' 2>/dev/null").c_str());
  };
  const std::string mount = folder_.string();
  std::filesystem::create_directories(folder_);
  if (run("mount -t tmpfs -o size=2m tmpfs " + mount) != 0) GTEST_SKIP() << "this system gives no mount namespace";
  // Room for 2 MB of 3: the free-space check looks before, so another file takes the room while the pull is under way.
  const std::string pull_command =
      GAZE_BINARY_DIR "/tests/providers/gaze_pull_once " + service_.url("") + " test/tiny-clip " + mount + "/m";
  EXPECT_EQ(run("mount -t tmpfs -o size=2m tmpfs " + mount + " && " + pull_command + " | grep -q ^disk_full"), 0);
  service_.misbehave({{"path", "/storage/"}, {"split", {100'000}}, {"pause", 0.05}});
  EXPECT_EQ(run("mount -t tmpfs -o size=4m tmpfs " + mount + " && (sleep 0.5; head -c 3000000 /dev/zero >" + mount +
                "/big) & " + "sleep 0.1; " + pull_command + " | grep -q ^disk_full && ls " + mount +
                "/m/.gaze-pull/*.part >/dev/null && rm " + mount + "/big && " + pull_command + " && test -f " + mount +
                "/m/gaze-manifest.json"),
            0);
}

}  // namespace
}  // namespace gaze
