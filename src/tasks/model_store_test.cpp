// Models that lie in the store as GGUF files, and those whose picture part is another model.
#include "tasks/model_store.h"

#include <fstream>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/message.h"
#include "models/testing.h"
#include "tasks/local_chat.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::golden;
using ::testing::HasSubstr;

class ModelStoreTest : public ::testing::Test {
 protected:
  ModelStoreTest() {
    set_language(Language::english);
    std::string name = (fs::temp_directory_path() / "gaze-models-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    models_ = name;
  }
  ~ModelStoreTest() override { fs::remove_all(models_); }

  void install(const std::string& model, const std::string& file, const std::string& as = "") const {
    fs::create_directories(models_ / model);
    fs::copy_file(golden(file), models_ / model / (as.empty() ? fs::path(file).filename() : fs::path(as)));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const ModelEntry& entry : store().list()) all.push_back(entry.name);
    return all;
  }
  ModelStore store() const { return ModelStore(models_, models_ / "none"); }

  fs::path models_;
};

TEST_F(ModelStoreTest, AGgufFileAndItsEyesAreOneModelByTheFoldersName) {
  install("ggml-org/SmolVLM-GGUF", "idefics3-f16.gguf");
  install("ggml-org/SmolVLM-GGUF", "idefics3-mmproj.gguf", "mmproj-F32.gguf");
  install("ggml-org/SmolVLM-GGUF", "idefics3-f16-mmproj.gguf", "mmproj-F16.gguf");
  std::ofstream(models_ / "ggml-org/SmolVLM-GGUF/README.md") << "---\nlicense: apache-2.0\n---\n";
  std::ofstream(models_ / "ggml-org/SmolVLM-GGUF/config.json") << R"({"model_type": "idefics3"})";  // as some have
  EXPECT_THAT(names(), ElementsAre("ggml-org/SmolVLM-GGUF"));
  const ModelEntry entry = store().find("ggml-org/SmolVLM-GGUF");
  EXPECT_EQ(entry.fault, "");
  EXPECT_EQ(entry.kind, "gguf");
  EXPECT_THAT(entry.tasks, ElementsAre("ask", "chat"));
  EXPECT_EQ(entry.licence, "apache-2.0");
  EXPECT_EQ(entry.path.filename(), "idefics3-f16.gguf");
  EXPECT_EQ(entry.eyes.filename(), "mmproj-F32.gguf");  // the larger one
  EXPECT_EQ(entry.bytes, static_cast<std::int64_t>(fs::file_size(entry.path) + fs::file_size(entry.eyes)));
  EXPECT_GT(entry.parameters, 20'000);
  EXPECT_EQ(store().best_for("ask").name, entry.name);

  const auto chat = open_local_chat(entry.path, entry.name, {.eyes = entry.eyes});
  EXPECT_GT(chat->ask({.inputs = {golden("llava/wide.png").string()}, .text = "What is this?"}, {}, CancelToken(), {})
                .image_tokens,
            4);
  EXPECT_EQ(store().verify(entry.name, CancelToken()).name, entry.name);
  store().remove(entry.name);
  EXPECT_FALSE(fs::exists(models_ / "ggml-org"));
}

TEST_F(ModelStoreTest, OfSeveralGgufFilesOneIsNamed) {
  install("org/two", "llava/plain.gguf", "b-Q4_0.gguf");
  install("org/two", "llama/plain.gguf", "a-Q8_0.gguf");
  install("org/two", "llava/plain-mmproj.gguf", "mmproj.gguf");
  EXPECT_THAT(names(), ElementsAre("org/two/a-Q8_0.gguf", "org/two/b-Q4_0.gguf"));
  try {
    store().find("org/two");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model_not_found);
    EXPECT_THAT(error.hint(), HasSubstr("org/two/a-Q8_0.gguf, org/two/b-Q4_0.gguf"));
  }
  const ModelEntry entry = store().find("org/two/b-Q4_0.gguf");
  EXPECT_EQ(entry.path, models_ / "org/two/b-Q4_0.gguf");
  EXPECT_THROW(store().find("org/../org/two/b-Q4_0.gguf"), Error);
  store().remove("org/two/b-Q4_0.gguf");
  EXPECT_TRUE(fs::exists(models_ / "org/two/mmproj.gguf"));
  EXPECT_EQ(store().find("org/two").path, models_ / "org/two/a-Q8_0.gguf");
}

TEST_F(ModelStoreTest, ABrokenGgufFileIsListedWithItsFault) {
  fs::create_directories(models_ / "org/broken");
  std::ofstream(models_ / "org/broken/model-q4.gguf") << "GGUF";
  EXPECT_THAT(names(), ElementsAre("org/broken"));
  EXPECT_NE(store().find("org/broken").fault, "");
}

TEST_F(ModelStoreTest, TheTowerOfLlavasAuthorsIsAnotherInstalledModel) {
  fs::create_directories(models_ / "liuhaotian");
  fs::copy(golden("llava/own"), models_ / "liuhaotian/llava");
  const ModelEntry blind = store().find("liuhaotian/llava");
  EXPECT_THAT(blind.fault, HasSubstr("gaze pull small/own_tower"));
  EXPECT_TRUE(blind.eyes.empty());
  fs::create_directories(models_ / "small");
  fs::copy(golden("llava/own_tower"), models_ / "small/own_tower");
  const ModelEntry entry = store().find("liuhaotian/llava");
  EXPECT_EQ(entry.fault, "");
  EXPECT_EQ(entry.eyes, models_ / "small/own_tower");
  EXPECT_EQ(store().verify("liuhaotian/llava", CancelToken()).eyes, entry.eyes);
  // Beside the model, wherever that is.
  EXPECT_EQ(store().find(golden("llava/own")).eyes.filename(), "own_tower");
}

}  // namespace
}  // namespace gaze
