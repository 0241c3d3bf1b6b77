#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "catalog/library.h"
#include "catalog/schema.h"
#include "catalog/vector_search.h"
#include "index/inner_product.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Catalog : public testing::Test {
 protected:
  Catalog() { fs::create_directories(folder_); }
  ~Catalog() override { fs::remove_all(folder_); }

  fs::path path() const { return folder_ / "library.db"; }

  const fs::path folder_ = fs::temp_directory_path() / ("gaze-catalog-test-" + std::to_string(::getpid()));
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

std::vector<float> random_vector(int dimension, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> vector(static_cast<std::size_t>(dimension));
  double squares = 0;
  for (float& x : vector) x = normal(random), squares += static_cast<double>(x) * x;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
  return vector;
}

ContentHash hash_of(unsigned seed) {
  return content_hash(std::as_bytes(std::span(&seed, 1)));
}

constexpr int kDimension = 24;
const ModelKey kModel{"m", "weights of m"};

// The picture of number `seed`, at /pictures/SEED.jpg.
NewPicture picture(unsigned seed, std::vector<PictureFile> files = {}) {
  if (files.empty()) files = {{"/pictures/" + std::to_string(seed) + ".jpg", {}, 100, 200}};
  return {hash_of(seed), {640, 480}, random_vector(kDimension, seed), std::move(files)};
}

std::vector<NewPicture> pictures(unsigned begin, unsigned end) {
  std::vector<NewPicture> made;
  for (unsigned seed = begin; seed < end; ++seed) made.push_back(picture(seed));
  return made;
}

std::vector<std::string> paths(const std::vector<FoundPicture>& found) {
  std::vector<std::string> paths;
  for (const auto& one : found) paths.push_back(one.picture.path);
  return paths;
}

TEST(ContentHash, IsSha256) {
  const auto hash = content_hash(as_blob("abc"));  // FIPS 180-4, example
  EXPECT_EQ(hash[0], std::byte{0xba});
  EXPECT_EQ(hash[31], std::byte{0xad});
}

TEST_F(Catalog, RemembersPicturesUnderSeveralModels) {
  const std::string odd = "/pictures/\xff\xfe odd.jpg";  // not UTF-8
  {
    Library library = Library::create(folder_ / "new" / "folder" / "library.db");
    const auto small = library.use_model({"small", "s"}, kDimension);
    const auto large = library.use_model({"large", "l"}, 2 * kDimension);
    library.store(small, std::vector{picture(1, {{odd, "odd.jpg", 5, 6}, {"/pictures/copy.jpg", {}, 5, 7}})});
    EXPECT_TRUE(library.find_picture(odd, small)->has_vector);
    EXPECT_FALSE(library.find_picture(odd, large)->has_vector);
    EXPECT_FALSE(library.find_content(hash_of(1), large)->has_vector);
  }
  Library library = Library::open(folder_ / "new" / "folder" / "library.db");
  const auto small = library.find_model({"a new name", "s"});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->dimension, kDimension);
  const auto known = library.find_picture(odd, *small);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->size, 5);
  EXPECT_EQ(known->modified_ns, 6);
  EXPECT_FALSE(library.find_picture("/pictures/other.jpg", *small));
  EXPECT_FALSE(library.find_content(hash_of(2), *small));
  EXPECT_FALSE(library.find_model({"small", "other"}));

  const auto stats = library.stats();
  EXPECT_EQ(stats.pictures, 2);
  EXPECT_EQ(stats.vectors, (std::map<std::string, std::int64_t>{{"small", 1}, {"large", 0}}));
  const auto listed = library.list();
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].path, "/pictures/copy.jpg");
  EXPECT_EQ(listed[1].path, odd);
  EXPECT_EQ(listed[1].given, "odd.jpg");
  EXPECT_THAT(listed[1].models, ElementsAre("small"));
  library.check({});
}

TEST_F(Catalog, RemembersWhatTheCameraSaid) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  auto known = picture(1), unknown = picture(2);
  known.facts = {30, 40, "2024-05-01T18:30:00", "Canon EOS R5", -33.85, 151.2};
  library.store(model, std::vector{known, unknown});
  const auto stored = library.pictures_under("/");
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored[0].facts.taken, "2024-05-01T18:30:00");
  EXPECT_EQ(stored[0].facts.camera, "Canon EOS R5");
  EXPECT_EQ(stored[0].facts.latitude, -33.85);
  EXPECT_EQ(stored[0].facts.longitude, 151.2);
  EXPECT_EQ(stored[1].facts.taken, "");
  EXPECT_FALSE(stored[1].facts.latitude);
}

TEST_F(Catalog, KeepsAContentAsLongAsAFileHoldsIt) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  library.store(model, pictures(1, 4));
  // 1.jpg now holds what 2.jpg holds: content 1 is forgotten with its vector.
  library.store(model, std::vector<NewPicture>{{hash_of(2), {640, 480}, {}, {{"/pictures/1.jpg", {}, 9, 9}}}});
  EXPECT_FALSE(library.find_content(hash_of(1), model));
  EXPECT_EQ(library.stats().vectors.at("m"), 2);
  library.remove(std::vector{library.find_picture("/pictures/2.jpg", model)->id});
  EXPECT_TRUE(library.find_content(hash_of(2), model));
  library.remove(std::vector{library.find_picture("/pictures/1.jpg", model)->id});
  EXPECT_FALSE(library.find_content(hash_of(2), model));
  EXPECT_EQ(library.stats().pictures, 1);
  library.check({});
}

TEST_F(Catalog, NamesThePicturesBelowAFolder) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  std::vector<PictureFile> files;
  for (const char* name : {"/a", "/a/b.jpg", "/a/c/d.jpg", "/a.jpg", "/a0", "/ab/c.jpg"}) files.push_back({name});
  library.store(model, std::vector{picture(1, files)});
  const auto under = [&](const char* folder) {
    std::vector<std::string> names;
    for (const auto& found : library.pictures_under(folder)) names.push_back(found.path);
    return names;
  };
  EXPECT_THAT(under("/a"), ElementsAre("/a", "/a/b.jpg", "/a/c/d.jpg"));
  EXPECT_THAT(under("/a/c"), ElementsAre("/a/c/d.jpg"));
  EXPECT_EQ(under("/").size(), 6u);
}

TEST_F(Catalog, FindsWhatBruteForceFindsAndFollowsChanges) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  const auto query = random_vector(kDimension, 1000);
  VectorSearch search(library, kModel);
  EXPECT_EQ(error_of([&] { search.search(query, 5); }).code(), ErrorCode::library_empty);

  const auto expected = [&](const std::vector<unsigned>& seeds, std::size_t top_k) {
    std::vector<std::pair<float, std::string>> all;
    for (const unsigned seed : seeds) {
      all.emplace_back(-inner_product(query, random_vector(kDimension, seed)),
                       "/pictures/" + std::to_string(seed) + ".jpg");
    }
    std::sort(all.begin(), all.end());
    std::vector<std::string> names;
    for (const auto& [score, name] : all) names.push_back(name);
    names.resize(std::min(top_k, names.size()));
    return names;
  };
  std::vector<unsigned> seeds(300);
  for (unsigned i = 0; i < seeds.size(); ++i) seeds[i] = i;
  library.store(model, pictures(0, 200));
  library.store(model, pictures(200, 300));
  EXPECT_EQ(paths(search.search(query, 7)), expected(seeds, 7));
  EXPECT_EQ(paths(search.search(query, 10'000)), expected(seeds, 300));

  const auto best = library.find_picture(search.search(query, 1)[0].picture.path, model);
  const std::string best_path = paths(search.search(query, 1))[0];
  library.remove(std::vector{best->id});
  std::erase_if(seeds, [&](unsigned seed) { return "/pictures/" + std::to_string(seed) + ".jpg" == best_path; });
  EXPECT_EQ(paths(search.search(query, 7)), expected(seeds, 7));

  // Another process, with and without the scan file, and with a damaged one.
  EXPECT_TRUE(fs::exists(scan_file(path(), model.id)));
  EXPECT_EQ(paths(VectorSearch(library, kModel).search(query, 7)), expected(seeds, 7));
  write_file_atomically(scan_file(path(), model.id), std::string("damaged"));
  EXPECT_EQ(paths(VectorSearch(library, kModel).search(query, 7)), expected(seeds, 7));
  fs::remove(scan_file(path(), model.id));
  EXPECT_EQ(paths(VectorSearch(library, kModel).search(query, 7)), expected(seeds, 7));

  const Error empty = error_of([&] { VectorSearch(library, {"other", "o"}).search(query, 5); });
  EXPECT_EQ(empty.code(), ErrorCode::library_empty);
  EXPECT_THAT(empty.hint(), HasSubstr("--model other"));
}

TEST_F(Catalog, OtherWeightsUnderTheSameNameBeginAnew) {
  Library library = Library::create(path());
  const auto before = library.use_model(kModel, kDimension);
  library.store(before, pictures(0, 5));
  EXPECT_EQ(library.use_model({"another name", kModel.weights}, kDimension).id, before.id);
  EXPECT_EQ(library.stats().vectors.at("m"), 5);

  const ModelKey retrained{"m", "other weights"};
  EXPECT_EQ(error_of([&] { VectorSearch(library, retrained).search(random_vector(kDimension, 1), 5); }).code(),
            ErrorCode::library_empty);
  const auto after = library.use_model(retrained, kDimension);
  EXPECT_GT(after.revision, before.revision);
  EXPECT_EQ(library.stats().vectors, (std::map<std::string, std::int64_t>{{"m", 0}}));
  EXPECT_FALSE(library.find_picture("/pictures/1.jpg", after)->has_vector);
  library.check({});
}

TEST_F(Catalog, TwoFilesWithTheSameContentAreTwoResults) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  library.store(model, pictures(1, 50));
  library.store(model, std::vector{picture(60, {{"/b.jpg"}, {"/a.jpg"}, {"/c.jpg"}})});
  VectorSearch search(library, kModel);
  const auto query = random_vector(kDimension, 60);
  EXPECT_THAT(paths(search.search(query, 2)), ElementsAre("/a.jpg", "/b.jpg"));
  EXPECT_EQ(search.search(query, 100).size(), 52u);
  EXPECT_NEAR(search.search(query, 1)[0].score, 1, 1e-6);
}

TEST_F(Catalog, ASearchSeesOneStateWhileAnotherProcessWrites) {
  Library writer = Library::create(path());
  const auto model = writer.use_model(kModel, kDimension);
  writer.store(model, pictures(0, 20));
  Library reader = Library::open(path());
  VectorSearch search(reader, kModel);
  EXPECT_EQ(search.search(random_vector(kDimension, 5), 100).size(), 20u);
  writer.store(model, pictures(20, 40));
  EXPECT_EQ(search.search(random_vector(kDimension, 5), 100).size(), 40u);
}

TEST_F(Catalog, SaysWhenTheLibraryIsMissingForeignOrNewer) {
  EXPECT_EQ(error_of([&] { Library::open(path()); }).code(), ErrorCode::library_empty);
  EXPECT_FALSE(fs::exists(path()));

  write_file_atomically(path(), std::string(5000, 'x'));
  EXPECT_EQ(error_of([&] { Library::open(path()); }).code(), ErrorCode::library_damaged);
  EXPECT_EQ(error_of([&] { Library::create(path()); }).code(), ErrorCode::library_damaged);
  EXPECT_EQ(read_text_file(path(), 5000), std::string(5000, 'x'));  // not touched
  fs::remove(path());

  Database(path(), Database::Mode::create).run("CREATE TABLE notes (text)");  // some other program's
  EXPECT_THAT(error_of([&] { Library::create(path()); }).message(), HasSubstr("not a Gaze library"));
  fs::remove(path());

  Library::create(path());
  Database(path(), Database::Mode::existing).run("PRAGMA user_version = 99");
  EXPECT_THAT(error_of([&] { Library::open(path()); }).message(), HasSubstr("version 99"));

  fs::create_directories(folder_ / "is-a-folder");
  EXPECT_EQ(error_of([&] { Library::open(folder_ / "is-a-folder"); }).code(), ErrorCode::not_found);
  EXPECT_EQ(error_of([&] { Library::create(path() / "below-a-file" / "library.db"); }).code(), ErrorCode::not_found);
}

TEST_F(Catalog, AnOldLibraryIsBroughtUpToDateWholeOrNotAtAll) {
  const auto released = library_migrations();
  std::vector<const char*> steps(released.begin(), released.end());
  {
    Library library = Library::create(path());
    library.store(library.use_model(kModel, kDimension), pictures(1, 10));
  }
  steps.push_back("ALTER TABLE contents ADD COLUMN mood TEXT; UPDATE contents SET mood = 'calm'");
  steps.push_back("CREATE TABLE tags (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1)");
  {
    Database database(path(), Database::Mode::existing);
    EXPECT_EQ(error_of([&] { prepare_schema(database, steps); }).code(), ErrorCode::library_damaged);
    EXPECT_FALSE(Query(database, "SELECT 1 FROM sqlite_schema WHERE sql LIKE '%mood%'").next());
  }
  Library::open(path()).check({});  // still the old one, whole

  steps.pop_back();
  Database database(path(), Database::Mode::existing);
  prepare_schema(database, steps);
  Query query(database, "SELECT count(*) FROM contents WHERE mood = 'calm'");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 9);
}

TEST_F(Catalog, ALockedLibraryIsNamed) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  Database other(path(), Database::Mode::existing);
  const Transaction held(other, Transaction::Kind::write);
  EXPECT_EQ(error_of([&] { library.store(model, pictures(1, 2)); }).code(), ErrorCode::library_locked);
  EXPECT_EQ(library.stats().pictures, 0);  // reading goes on
}

TEST_F(Catalog, AFullDiskIsAnErrorAndThenEverythingWorksAgain) {
  std::signal(SIGXFSZ, SIG_IGN);
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  library.store(model, pictures(0, 100));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit full{200'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const Error error = error_of([&] {
    for (unsigned begin = 100; begin < 10'000; begin += 100) library.store(model, pictures(begin, begin + 100));
  });
  const auto kept = library.stats().vectors.at("m");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);

  EXPECT_EQ(error.code(), ErrorCode::disk_full) << error.message();
  EXPECT_GE(kept, 100);
  EXPECT_EQ(kept % 100, 0);  // whole transactions
  library.store(model, pictures(0, 1000));
  EXPECT_EQ(library.stats().vectors.at("m"), 1000);
  library.check({});
}

TEST_F(Catalog, PruneForgetsOnlyFilesThatAreGone) {
  Library library = Library::create(path());
  const auto model = library.use_model(kModel, kDimension);
  const fs::path here = folder_ / "here.jpg";
  write_file_atomically(here, std::string("x"));
  library.store(model, std::vector{picture(1, {{here}}), picture(2, {{folder_ / "gone.jpg"}}),
                                   picture(3, {{here / "below-a-file.jpg"}})});
  EXPECT_EQ(library.prune({}), 2);
  EXPECT_EQ(library.stats().pictures, 1);
  EXPECT_EQ(library.stats().vectors.at("m"), 1);
  EXPECT_EQ(library.prune({}), 0);
}

TEST_F(Catalog, CheckNamesADamagedVector) {
  Library library = Library::create(path());
  library.store(library.use_model(kModel, kDimension), pictures(1, 10));
  Database(path(), Database::Mode::existing).run("UPDATE vectors SET vector = zeroblob(96) WHERE id = 3");
  const Error error = error_of([&] { library.check({}); });
  EXPECT_EQ(error.code(), ErrorCode::library_damaged);
  EXPECT_THAT(error.message(), HasSubstr("picture 3"));
  const auto query = random_vector(kDimension, 1);
  EXPECT_EQ(error_of([&] { VectorSearch(library, kModel).search(query, 5); }).code(), ErrorCode::library_damaged);
}

TEST_F(Catalog, DamagedBytesNeverDoMoreThanFail) {
  {
    Library library = Library::create(path());
    library.store(library.use_model(kModel, kDimension), pictures(0, 300));
  }
  const auto whole = read_text_file(path(), 1 << 24);
  std::mt19937 random(1);
  int failed = 0;
  for (int round = 0; round < 150; ++round) {
    std::string broken = whole;
    const std::size_t reach = round % 2 ? broken.size() : 20'000;  // the header and the schema page more often
    for (unsigned flips = 1 + random() % 20; flips > 0; --flips) broken[random() % reach] = static_cast<char>(random());
    if (round % 10 == 0) broken.resize(random() % broken.size());
    for (const char* suffix : {"-wal", "-shm", ".scan-1"}) fs::remove(path().native() + suffix);
    write_file_atomically(path(), broken);
    try {
      Library library = Library::open(path());
      VectorSearch(library, kModel).search(random_vector(kDimension, 1), 1000);
      library.list();
      library.store(library.use_model(kModel, kDimension), pictures(300, 310));
      library.check({});
    } catch (const Error& error) {
      ++failed;
      EXPECT_NE(error.code(), ErrorCode::internal);
    }
  }
  EXPECT_GT(failed, 20);
}

}  // namespace
}  // namespace gaze
