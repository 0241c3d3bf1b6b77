#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tasks/folder_watch.h"
#include "tasks/index_pictures.h"
#include "tasks/picture_walk.h"
#include "tasks/search_pictures.h"
#include "tasks/testing.h"
#include "tasks/weights_identity.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_tools::coloured;
using testing_tools::ColourEncoder;
using testing_tools::write_png;

const ModelKey kColours{"colours", "c"}, kTwice{"twice", "t"};

class Index : public testing::Test {
 protected:
  Index() {
    fs::create_directories(pictures_ / "below");
    library_.emplace(Library::create(folder_ / "library.db"));
  }
  ~Index() override { fs::remove_all(folder_); }

  IndexResult index(const IndexOptions& options = {}) { return index_named({pictures_}, options); }
  IndexResult index_named(const std::vector<fs::path>& named, const IndexOptions& options = {}) {
    return index_pictures(*library_, encoder_, kColours, named, options, cancel_);
  }
  void paint(const std::string& name, unsigned seed) { write_png(pictures_ / name, coloured(seed)); }
  std::int64_t vectors() { return library_->stats().vectors.at("colours"); }

  const fs::path folder_ = fs::temp_directory_path() / ("gaze-index-test-" + std::to_string(::getpid()));
  const fs::path pictures_ = folder_ / "pictures";
  const ColourEncoder encoder_;
  CancelToken cancel_;
  std::optional<Library> library_;
};

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return Error(ErrorCode::internal, "");
}

TEST_F(Index, FollowsWhatChangesInAFolder) {
  for (unsigned i = 0; i < 40; ++i) paint((i % 2 ? "below/" : "") + std::to_string(i) + ".png", i);
  IndexResult result = index();
  EXPECT_EQ(result.added, 40);
  EXPECT_EQ(result.updated + result.unchanged + result.removed + result.skipped, 0);
  EXPECT_TRUE(result.failed.empty());
  EXPECT_EQ(encoder_.seen, 40);

  result = index();
  EXPECT_EQ(result.unchanged, 40);
  EXPECT_EQ(result.added, 0);
  EXPECT_EQ(encoder_.seen, 40);

  paint("0.png", 100);
  paint("new.png", 101);
  fs::remove(pictures_ / "2.png");
  fs::last_write_time(pictures_ / "4.png", fs::file_time_type::clock::now() + std::chrono::hours(1));  // touched
  fs::rename(pictures_ / "6.png", pictures_ / "below" / "moved.png");
  result = index();
  EXPECT_EQ(result.updated, 1);
  EXPECT_EQ(result.added, 2);  // new.png and moved.png
  EXPECT_EQ(result.removed, 2);
  EXPECT_EQ(result.unchanged, 37);
  EXPECT_EQ(encoder_.seen, 42);  // neither the touched nor the moved one
  EXPECT_EQ(library_->stats().pictures, 40);
  EXPECT_EQ(vectors(), 40);
  EXPECT_EQ(index().unchanged, 40);
  library_->check(cancel_);
}

TEST_F(Index, StoresWhatTheEncoderGives) {
  for (unsigned i = 0; i < 50; ++i) paint(std::to_string(i) + ".png", i);
  index();
  PictureSearcher searcher(*library_, encoder_, kColours);
  for (unsigned i = 0; i < 50; i += 7) {
    const auto found = searcher.search({.image = pictures_ / (std::to_string(i) + ".png"), .top_k = 2}).results;
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].path.filename(), std::to_string(i) + ".png");
    EXPECT_NEAR(found[0].score, 1, 1e-6);
    EXPECT_LT(found[1].score, 0.99999);
    EXPECT_EQ(found[0].facts.width, 40);
    EXPECT_EQ(found[0].facts.height, 30);
  }
}

TEST_F(Index, SkipsOtherFilesAndNamesBrokenOnes) {
  for (unsigned i = 0; i < 300; ++i) paint(std::to_string(i) + ".png", i);
  for (const int i : {7, 77, 177}) fs::resize_file(pictures_ / (std::to_string(i) + ".png"), 60);
  write_file_atomically(pictures_ / "notes.txt", std::string("BM is not always a bitmap, and this is none"));
  write_file_atomically(pictures_ / "empty", std::string());
  write_file_atomically(pictures_ / "empty.JPG", std::string());
  write_file_atomically(pictures_ / "page.jpeg", std::string("<html>"));
  fs::copy_file(pictures_ / "1.png", pictures_ / "no-extension");
  write_file_atomically(pictures_ / ".hidden.jpg", std::string("not looked at"));

  const IndexResult result = index();
  EXPECT_EQ(result.added, 298);
  EXPECT_EQ(result.skipped, 2);
  std::vector<std::string> failed;
  for (const auto& one : result.failed) {
    failed.push_back(one.path.filename());
    EXPECT_EQ(one.code, ErrorCode::bad_image);
    EXPECT_THAT(one.message, HasSubstr(one.path.filename().native()));
  }
  EXPECT_THAT(failed, ElementsAre("177.png", "7.png", "77.png", "empty.JPG", "page.jpeg"));
  EXPECT_EQ(encoder_.seen, 297);  // no-extension is 1.png again
}

TEST_F(Index, EqualFilesAreEmbeddedOnceAndFailTogether) {
  paint("a.png", 1);
  for (const char* copy : {"b.png", "c.png", "below/d.png"}) fs::copy_file(pictures_ / "a.png", pictures_ / copy);
  for (const char* broken : {"x.png", "y.png", "z.png"}) {
    write_file_atomically(pictures_ / broken, std::string("\x89PNG\r\n\x1a\n, but then nothing"));
  }
  const IndexResult result = index();
  EXPECT_EQ(result.added, 4);
  EXPECT_EQ(encoder_.seen, 1);
  EXPECT_EQ(vectors(), 1);
  ASSERT_EQ(result.failed.size(), 3u);
  EXPECT_THAT(result.failed[2].message, HasSubstr("z.png"));
}

TEST_F(Index, APictureThatBreaksIsForgotten) {
  paint("a.png", 1);
  paint("b.png", 2);
  index();
  write_file_atomically(pictures_ / "a.png", std::string("broken"));
  const IndexResult result = index();
  EXPECT_EQ(result.removed, 1);
  EXPECT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(vectors(), 1);
}

TEST_F(Index, KeepsTheVectorsOfSeveralModels) {
  for (unsigned i = 0; i < 5; ++i) paint(std::to_string(i) + ".png", i);
  index();
  const ColourEncoder other(2);
  EXPECT_EQ(index_pictures(*library_, other, kTwice, std::vector{pictures_}, {}, cancel_).added, 5);
  EXPECT_EQ(index().unchanged, 5);
  EXPECT_THAT(library_->list()[0].models, ElementsAre("colours", "twice"));
  EXPECT_EQ(PictureSearcher(*library_, other, kTwice).search({.text = "red", .top_k = 9}).results.size(), 5u);
}

TEST_F(Index, RemovesOnlyBelowTheNamedFolders) {
  paint("a.png", 1);
  paint("below/b.png", 2);
  index();
  fs::remove(pictures_ / "a.png");
  EXPECT_EQ(index_named({pictures_ / "below"}).removed, 0);
  EXPECT_EQ(library_->stats().pictures, 2);
  EXPECT_EQ(index().removed, 1);
  EXPECT_EQ(error_of([&] { index_named({pictures_, pictures_ / "no-such"}); }).code(), ErrorCode::not_found);
}

TEST_F(Index, TakesNamesThatAreNoTextFilesAndLinks) {
  paint("below/\xff\xfe.png", 1);
  paint(".hidden.png", 2);
  write_png(folder_ / "outside.png", coloured(3));
  fs::create_symlink(folder_ / "outside.png", pictures_ / "link.png");
  fs::create_directory_symlink(pictures_, pictures_ / "below" / "loop");
  EXPECT_EQ(index().added, 1);
  EXPECT_EQ(index({.follow_links = true}).added, 1);
  EXPECT_EQ(index_named({pictures_, pictures_ / ".hidden.png", pictures_ / "below"}).added,
            1);                   // a named file is meant
  EXPECT_EQ(index().removed, 0);  // left out by the walk, but there
  EXPECT_EQ(library_->list()[1].path, (pictures_ / "below/\xff\xfe.png").native());
}

TEST_F(Index, ShowsPathsAsGiven) {
  paint("a.png", 0);
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  index_named({"pictures/./"});
  const auto shown = [&] {
    return PictureSearcher(*library_, encoder_, kColours).search({.text = "red"}).results.at(0).path.native();
  };
  EXPECT_EQ(shown(), "pictures/./a.png");
  fs::current_path("/");
  EXPECT_EQ(shown(), (pictures_ / "a.png").native());
  fs::current_path(before);
}

TEST_F(Index, AnInterruptKeepsWholeBatchesAndTheNextRunGoesOn) {
  for (unsigned i = 0; i < 200; ++i) paint(std::to_string(i) + ".png", i);
  const ColourEncoder slow(1, std::chrono::milliseconds(60));  // so that progress is reported before the end
  std::int64_t reports = 0;
  const IndexOptions options{.progress = [&](const IndexProgress& progress) {
    ++reports;
    EXPECT_LE(progress.done, progress.total);
    if (progress.done > 0) cancel_.cancel();
  }};
  const Error error =
      error_of([&] { index_pictures(*library_, slow, kColours, std::vector{pictures_}, options, cancel_); });
  EXPECT_EQ(error.code(), ErrorCode::cancelled);
  EXPECT_GT(reports, 0);
  const auto kept = vectors();
  EXPECT_LT(kept, 200);
  library_->check({});
  EXPECT_EQ(index_pictures(*library_, encoder_, kColours, std::vector{pictures_}, {}, {}).added, 200 - kept);
  EXPECT_EQ(vectors(), 200);
}

TEST_F(Index, FindsByTextAndByPicture) {
  for (unsigned i = 0; i < 90; ++i) paint(std::to_string(i) + ".png", i);
  PictureSearcher searcher(*library_, encoder_, kColours);
  EXPECT_EQ(error_of([&] { searcher.search({.text = "red"}); }).code(), ErrorCode::library_empty);
  index();
  for (const char* colour : {"red", "green", "blue"}) {
    const auto found = searcher.search({.text = colour, .top_k = 30}).results;
    ASSERT_EQ(found.size(), 30u);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const int seed = std::stoi(found[i].path.stem().native());
      EXPECT_EQ(std::string("rgb")[static_cast<std::size_t>(seed % 3)], colour[0]);
      EXPECT_LE(found[i].score, found[i > 0 ? i - 1 : 0].score);
    }
  }
  EXPECT_EQ(searcher.search({.text = "red", .top_k = 1'000'000'000'000}).results.size(), 90u);
  EXPECT_TRUE(searcher.search({.text = "red", .top_k = 0}).results.empty());
  EXPECT_EQ(error_of([&] { searcher.search({}); }).code(), ErrorCode::usage);
  EXPECT_EQ(error_of([&] { searcher.search({.image = pictures_ / "none.png"}); }).code(), ErrorCode::not_found);

  const auto best = searcher.search({.text = "blue", .top_k = 3}).results;
  fs::remove(best[0].path);
  fs::remove(best[1].path);
  const auto after = searcher.search({.text = "blue", .top_k = 3});
  EXPECT_EQ(after.missing, 2);
  ASSERT_EQ(after.results.size(), 3u);
  EXPECT_EQ(after.results[0].path, best[2].path);
}

TEST_F(Index, AWatchSeesNewFilesAlsoInNewFolders) {
  FolderWatch watch({pictures_}, false);
  fs::create_directories(pictures_ / "new" / "newer");
  paint("new/newer/a.png", 1);
  watch.wait(cancel_);
  EXPECT_EQ(index().added, 1);
  paint("new/newer/b.png", 2);  // in a folder that was not there at first
  watch.wait(cancel_);
  EXPECT_EQ(index().added, 1);
  cancel_.cancel();
  EXPECT_EQ(error_of([&] { watch.wait(cancel_); }).code(), ErrorCode::cancelled);
  EXPECT_EQ(error_of([&] { FolderWatch({pictures_ / "no-such"}, false); }).code(), ErrorCode::not_found);
}

TEST_F(Index, WeightsAreKnownByWhatTheyAreNotByWhereTheyLie) {
  const fs::path one = folder_ / "one", other = folder_ / "other";
  fs::create_directories(one);
  write_file_atomically(one / "config.json", std::string("{}"));
  write_file_atomically(one / "model.safetensors", std::string(1'000'000, 'w'));
  write_file_atomically(one / "README.md", std::string("about"));
  fs::copy(one, other);
  EXPECT_EQ(weights_identity(one), weights_identity(other));
  write_file_atomically(other / "README.md", std::string("more about"));
  EXPECT_EQ(weights_identity(one), weights_identity(other));
  write_file_atomically(other / "model.safetensors", std::string(999'999, 'w') + "x");
  EXPECT_NE(weights_identity(one), weights_identity(other));
}

TEST(AbsolutePath, DropsDotsButKeepsLinks) {
  EXPECT_EQ(absolute_path("/a/./b//c/"), "/a/b/c");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_EQ(absolute_path("x"), fs::current_path() / "x");
  EXPECT_EQ(absolute_path("/usr/../usr/."), fs::canonical("/usr"));
}

}  // namespace
}  // namespace gaze
