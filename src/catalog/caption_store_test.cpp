#include "catalog/caption_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "catalog/schema.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

const CaptionKey kKey{{"m", "weights of m"}, "five beams"};

ContentHash hash_of(unsigned seed) {
  return content_hash(std::as_bytes(std::span(&seed, 1)));
}

PictureFile file_of(unsigned seed) {
  return {.path = "/pictures/" + std::to_string(seed) + ".jpg", .size = 100, .modified_ns = 200};
}

NewCaption caption(unsigned seed, const std::string& words) {
  return {hash_of(seed), {640, 480}, {file_of(seed)}, {"says " + words, "[]"}, words};
}

class CaptionStoreTest : public testing::Test {
 protected:
  CaptionStoreTest() { fs::create_directories(folder_); }
  ~CaptionStoreTest() override { fs::remove_all(folder_); }

  std::vector<std::string> found(const std::vector<std::string>& words) {
    std::vector<std::string> texts;
    for (const FoundCaption& one : store_.search(words, 100)) texts.push_back(one.text);
    return texts;
  }

  const fs::path folder_ = fs::temp_directory_path() / ("gaze-captions-test-" + std::to_string(::getpid()));
  Library library_ = [this] {
    fs::create_directories(folder_);
    return Library::create(folder_ / "library.db");
  }();
  CaptionStore store_{library_};
};

TEST_F(CaptionStoreTest, KeepsCaptionsByContentModelAndSettings) {
  store_.store(kKey, std::vector{caption(1, "dog"), caption(2, "cat")});
  EXPECT_EQ(store_.find(hash_of(1), kKey)->text, "says dog");
  EXPECT_EQ(store_.find(file_of(2), kKey)->text, "says cat");
  EXPECT_FALSE(store_.find(hash_of(3), kKey));
  EXPECT_FALSE(store_.find(hash_of(1), {kKey.model, "one beam"}));
  PictureFile changed = file_of(2);
  changed.size = 101;
  EXPECT_FALSE(store_.find(changed, kKey));

  // New weights under the old name make the old captions go, other settings do not.
  store_.store({kKey.model, "one beam"}, std::vector{caption(1, "puppy")});
  EXPECT_TRUE(store_.find(hash_of(1), kKey));
  store_.store({{"m", "other weights"}, kKey.settings}, std::vector{caption(1, "wolf")});
  EXPECT_FALSE(store_.find(hash_of(1), kKey));
  EXPECT_THAT(found({"dog", "puppy", "wolf"}), ElementsAre("says wolf"));
  EXPECT_EQ(store_.newest(1), "says wolf");
  library_.check({});
}

TEST_F(CaptionStoreTest, CaptionsGoWithTheLastFile) {
  store_.store(kKey, std::vector{caption(1, "dog")});
  library_.remove(std::vector{library_.pictures_under("/").front().id});
  EXPECT_THAT(found({"dog"}), IsEmpty());
  EXPECT_FALSE(store_.find(hash_of(1), kKey));
}

TEST_F(CaptionStoreTest, RarerWordsAreStrongerEvidence) {
  std::vector<NewCaption> captions;
  for (unsigned i = 0; i < 100; ++i) captions.push_back(caption(i, i % 4 == 0 ? "dog grass" : "man street"));
  captions.push_back(caption(200, "zebra grass"));
  captions.push_back(caption(201, "zebras running 斑马 斑 马"));
  store_.store(kKey, captions);

  const auto evidence = [&](const std::vector<std::string>& words) {
    const auto hits = store_.search(words, 1);
    return hits.empty() ? 0 : hits.front().evidence;
  };
  EXPECT_THAT(found({"zebra", "running"}), ElementsAre("says zebras running 斑马 斑 马", "says zebra grass"));  // stems
  EXPECT_GT(evidence({"running"}), 0.99);
  EXPECT_GT(evidence({"斑马"}), 0.99);
  EXPECT_LT(evidence({"dog"}), 0.4);
  EXPECT_LT(evidence({"man"}), 0.01);  // in most captions: says nothing
  EXPECT_GT(evidence({"zebra", "grass"}), evidence({"zebra", "castle", "king"}));
  EXPECT_EQ(evidence({"castle"}), 0);
  EXPECT_THAT(found({}), IsEmpty());
  EXPECT_THAT(found({"\" OR * NEAR("}), IsEmpty());  // never syntax
}

TEST_F(CaptionStoreTest, AFileWithOtherMetadataIsTheSamePicture) {
  const IndexedModel model = library_.use_model({"v", "weights of v"}, 2);
  NewCaption twins = caption(1, "dog");
  twins.files.push_back(file_of(2));
  library_.store(model, std::vector{NewPicture{hash_of(1), {640, 480, "2020"}, {0.6F, 0.8F}, twins.files}});
  store_.store(kKey, std::vector{twins});

  for (const unsigned file : {1U, 2U}) {
    PictureFile rewritten = file_of(file);
    rewritten.size = 150;
    store_.follow_rewrite(rewritten, hash_of(100));
    EXPECT_TRUE(store_.find(rewritten, kKey));
    EXPECT_TRUE(library_.find_picture(rewritten.path, model)->has_vector);
    EXPECT_EQ(store_.find(hash_of(1), kKey).has_value(), file == 1);  // as long as a file holds it
    EXPECT_EQ(found({"dog"}).size(), file == 1 ? 2u : 1u);
  }
  EXPECT_EQ(library_.pictures_under("/").front().facts.taken, "2020");
  library_.check({});
}

TEST_F(CaptionStoreTest, ALibraryWithoutCaptionsGetsRoomForThem) {
  const fs::path old = folder_ / "old.db";
  {
    Database database(old, Database::Mode::create);
    prepare_schema(database, library_migrations().first(1));
  }
  Library library = Library::open(old);
  CaptionStore(library).store(kKey, std::vector{caption(1, "dog")});
  EXPECT_EQ(CaptionStore(library).search(std::vector<std::string>{"dogs"}, 5).size(), 1u);
}

}  // namespace
}  // namespace gaze
