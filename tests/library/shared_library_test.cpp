// What a library survives: SIGKILL at random moments of indexing, and several processes at once.
//   gaze_shared_library_test                           the tests; GAZE_KILLS sets how many kills (default 25)
//   gaze_shared_library_test index FOLDER LIBRARY      indexes, and prints how many pictures are stored as it goes
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "tasks/index_pictures.h"
#include "tasks/search_pictures.h"
#include "tasks/testing.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using testing_tools::ColourEncoder;

const ModelKey kModel{"colours", "c"};
constexpr int kPictures = 600;

int index_as_child(const fs::path& folder, const fs::path& path) {
  try {
    Library library = Library::create(path);
    const ColourEncoder encoder(4, std::chrono::milliseconds(10));
    const IndexOptions options{.progress = [&](const IndexProgress&) {
      std::printf("%ld\n", static_cast<long>(library.stats().pictures));
      std::fflush(stdout);
    }};
    index_pictures(library, encoder, kModel, std::vector{folder}, options, {});
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

// This program as `index FOLDER LIBRARY`, with its standard output in a file.
class Child {
 public:
  Child(const fs::path& folder, const fs::path& library, const fs::path& output) : output_(output) {
    process_ = ::fork();
    if (process_ == 0) {
      if (!std::freopen(output.c_str(), "w", stdout)) ::_exit(9);
      ::execl("/proc/self/exe", "gaze_shared_library_test", "index", folder.c_str(), library.c_str(), nullptr);
      ::_exit(9);
    }
  }
  ~Child() { kill(); }

  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return status;
  }
  bool running() {
    int status = 0;
    if (process_ > 0 && ::waitpid(process_, &status, WNOHANG) == 0) return true;
    if (process_ > 0) status_ = status;
    process_ = -1;
    return false;
  }
  int status() const { return status_; }

  // The last whole number the child printed: so many pictures it knew to be stored.
  long stored() const {
    long last = 0, number = 0;
    if (std::FILE* file = std::fopen(output_.c_str(), "r")) {
      char end = 0;
      while (std::fscanf(file, "%ld%c", &number, &end) == 2 && end == '\n') last = number;
      std::fclose(file);
    }
    return last;
  }

 private:
  const fs::path output_;
  pid_t process_ = -1;
  int status_ = -1;
};

class SharedLibrary : public testing::Test {
 protected:
  SharedLibrary() {
    fs::create_directories(pictures_);
    // Real photographs where the reference data is there, painted ones elsewhere.
    const fs::path photographs = fs::path(GAZE_SHARED_DIR) / "data/flickr8k/images.tar";
    if (fs::exists(photographs)) {
      const std::string archive = "'" + photographs.native() + "'";
      const std::string command = "tar -tf " + archive + " | grep 'jpg$' | head -" + std::to_string(kPictures) +
                                  " | tar -xf " + archive + " -C '" + pictures_.native() + "' -T -";
      EXPECT_EQ(std::system(command.c_str()), 0);
    } else {
      for (unsigned i = 0; i < kPictures; ++i) {
        testing_tools::write_png(pictures_ / (std::to_string(i) + ".png"), testing_tools::coloured(i, 192, 192));
      }
    }
  }
  ~SharedLibrary() override { fs::remove_all(folder_); }

  std::set<fs::path> stored() const {
    std::set<fs::path> paths;
    if (!fs::exists(library_)) return paths;
    for (const auto& one : Library::open(library_).list()) {
      EXPECT_EQ(one.models.size(), 1u) << one.path << " is stored without its vector";
      paths.insert(one.path);
    }
    return paths;
  }

  void expect_all_stored() const {
    Library library = Library::open(library_);
    library.check({});
    EXPECT_EQ(library.stats().pictures, kPictures);
    const ColourEncoder encoder(4);
    PictureSearcher searcher(library, encoder, kModel);
    int looked_at = 0;
    for (const auto& one : library.list()) {
      if (++looked_at % 20 != 0) continue;
      EXPECT_NEAR(searcher.search({.image = one.path, .top_k = 1}).results.at(0).score, 1, 1e-6);
    }
  }

  const fs::path folder_ = fs::temp_directory_path() / ("gaze-shared-library-" + std::to_string(::getpid()));
  const fs::path pictures_ = folder_ / "pictures";
  const fs::path library_ = folder_ / "library.db";
};

TEST_F(SharedLibrary, SurvivesBeingKilledAtAnyMoment) {
  const char* wished = std::getenv("GAZE_KILLS");
  const int kills = wished ? std::atoi(wished) : 25;
  std::mt19937 random(20);
  std::set<fs::path> before;
  int killed = 0, rounds_finished = 0, kills_with_some_stored = 0;
  while (killed < kills) {
    Child child(pictures_, library_, folder_ / "output");
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 900'000));
    const bool was_running = child.running();
    child.kill();

    std::set<fs::path> now;
    ASSERT_NO_THROW(now = stored());
    EXPECT_GE(static_cast<long>(now.size()), child.stored());
    EXPECT_TRUE(std::includes(now.begin(), now.end(), before.begin(), before.end()));
    if (fs::exists(library_)) {
      ASSERT_NO_THROW(Library::open(library_).check({}));
    }
    if (was_running) {
      ++killed;
      if (now.size() > before.size()) ++kills_with_some_stored;
      before = std::move(now);
    } else {  // all done: begin again from nothing
      EXPECT_EQ(child.status(), 0);
      EXPECT_EQ(now.size(), static_cast<std::size_t>(kPictures));
      ++rounds_finished;
      before.clear();
      for (const auto& file : fs::directory_iterator(folder_)) {
        if (file.path().filename().native().starts_with("library.db")) fs::remove(file.path());
      }
    }
  }
  std::printf("%d kills, %d of them after something new was stored; %d runs came to their end\n", killed,
              kills_with_some_stored, rounds_finished);
  std::fflush(stdout);
  EXPECT_EQ(Child(pictures_, library_, folder_ / "output").wait(), 0);
  expect_all_stored();
}

TEST_F(SharedLibrary, SeveralProcessesIndexAndSearchAtOnce) {
  Child first(pictures_, library_, folder_ / "first"), second(pictures_, library_, folder_ / "second");
  const ColourEncoder encoder(4);
  std::size_t most = 0;
  int searches = 0;
  while (first.running() | second.running()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (!fs::exists(library_)) continue;
    try {
      Library library = Library::open(library_);
      const auto found = PictureSearcher(library, encoder, kModel).search({.text = "red", .top_k = kPictures}).results;
      EXPECT_GE(found.size(), most);
      most = found.size();
      ++searches;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::library_empty) << error.message();
    }
  }
  EXPECT_EQ(first.status(), 0);
  EXPECT_EQ(second.status(), 0);
  EXPECT_GT(searches, 0);
  expect_all_stored();
}

}  // namespace
}  // namespace gaze

int main(int count, char** arguments) {
  if (count == 4 && std::string(arguments[1]) == "index") return gaze::index_as_child(arguments[2], arguments[3]);
  testing::InitGoogleMock(&count, arguments);
  return RUN_ALL_TESTS();
}
