#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <hwy/highway.h>
#include <hwy/targets.h>
#include <unistd.h>

#include "index/exact_search.h"
#include "index/inner_product.h"
#include "index/scan_kernel.h"
#include "index/vector_codes.h"

namespace gaze {
namespace {

using Vectors = std::vector<std::vector<float>>;

void normalise(std::vector<float>& vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * x;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(squares));
}

// Unit vectors as CLIP's are: a common offset, and one dimension far larger than the rest.
Vectors random_vectors(int count, int dimension, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> common(static_cast<std::size_t>(dimension));
  for (float& x : common) x = normal(random);
  common[common.size() / 2] += 12;
  Vectors vectors(static_cast<std::size_t>(count), common);
  for (auto& vector : vectors) {
    for (float& x : vector) x += normal(random);
    normalise(vector);
  }
  return vectors;
}

constexpr std::int64_t kFirstId = 1000;

VectorCodes codes_of(const Vectors& vectors, int dimension, const CodesKey& key = {}) {
  std::vector<float> sample;
  for (std::size_t i = 0; i < std::min<std::size_t>(vectors.size(), 50); ++i) {
    sample.insert(sample.end(), vectors[i].begin(), vectors[i].end());
  }
  VectorCodesBuilder builder(dimension, std::ssize(vectors), sample, key);
  for (std::size_t i = 0; i < vectors.size(); ++i) builder.add(kFirstId + static_cast<std::int64_t>(i), vectors[i]);
  return builder.finish();
}

struct Fetch {
  const Vectors& vectors;
  std::size_t* fetched = nullptr;

  void operator()(std::span<const std::int64_t> ids, float* rows) const {
    for (const std::int64_t id : ids) {
      const auto& vector = vectors[static_cast<std::size_t>(id - kFirstId)];
      rows = std::copy(vector.begin(), vector.end(), rows);
    }
    if (fetched) *fetched += ids.size();
  }
};

// The slow twin: every float32 vector, sorted.
std::vector<Neighbour> brute_force(const Vectors& vectors, std::span<const float> query, std::int64_t top_k) {
  std::vector<Neighbour> all;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    all.push_back({kFirstId + static_cast<std::int64_t>(i), inner_product(query, vectors[i])});
  }
  std::sort(all.begin(), all.end(), ranks_before);
  all.resize(static_cast<std::size_t>(std::min<std::int64_t>(top_k, std::ssize(all))));
  return all;
}

TEST(InnerProduct, AgreesWithOneSumAtOddLengths) {
  for (const int length : {0, 1, 7, 8, 9, 15, 384, 513, 1280}) {
    if (length == 0) {
      EXPECT_EQ(inner_product({}, {}), 0);
      continue;
    }
    const Vectors vectors = random_vectors(2, length, static_cast<unsigned>(length));
    double sum = 0;
    for (int i = 0; i < length; ++i) sum += static_cast<double>(vectors[0][i]) * vectors[1][i];
    EXPECT_NEAR(inner_product(vectors[0], vectors[1]), sum, 1e-7);
  }
}

TEST(ScanKernel, EqualsItsSlowTwinOnEveryInstructionSet) {
  std::mt19937 random(1);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    for (const std::int64_t stride : {64, 128, 384, 512, 1280, 4096}) {
      for (const std::int64_t rows : {0, 1, 3, 4, 5, 11}) {
        const std::int32_t most = largest_query_code(stride);
        std::vector<std::int16_t> query(static_cast<std::size_t>(stride));
        std::vector<std::int8_t> codes(static_cast<std::size_t>(stride * rows));
        for (auto& q : query) q = static_cast<std::int16_t>(std::uniform_int_distribution(-most, most)(random));
        for (auto& c : codes) c = static_cast<std::int8_t>(std::uniform_int_distribution(-127, 127)(random));
        // The extreme row: the largest sum there can be.
        for (std::int64_t i = 0; rows > 0 && i < stride; ++i) {
          query[i] = static_cast<std::int16_t>(i % 2 ? most : -most);
          codes[i] = i % 2 ? 127 : -127;
        }
        std::vector<std::int32_t> fast(static_cast<std::size_t>(rows)), slow(fast);
        scan_rows(query.data(), codes.data(), stride, rows, fast.data());
        scan_rows_slow(query.data(), codes.data(), stride, rows, slow.data());
        EXPECT_EQ(fast, slow) << hwy::TargetName(target) << " stride " << stride << " rows " << rows;
      }
    }
  }
  hwy::SetSupportedTargetsForTest(0);
}

TEST(VectorCodes, BoundHoldsForEveryVector) {
  const int dimension = 100;
  const Vectors vectors = random_vectors(500, dimension, 3);
  const VectorCodes codes = codes_of(vectors, dimension);
  double mean_error = 0;
  for (std::size_t r = 0; r < vectors.size(); ++r) {
    double lost = 0;
    for (std::size_t i = 0; i < vectors[r].size(); ++i) {
      const double back = codes.mean()[i] + static_cast<double>(codes.spread()[i]) * codes.scales()[r] *
                                                codes.row(static_cast<std::int64_t>(r))[i];
      lost += (vectors[r][i] - back) * (vectors[r][i] - back);
    }
    EXPECT_LE(std::sqrt(lost), codes.error_norms()[r]);
    EXPECT_GE(std::sqrt(lost), codes.error_norms()[r] * 0.999);
    mean_error += std::sqrt(lost) / static_cast<double>(vectors.size());
  }
  EXPECT_LT(mean_error, 0.01);  // what makes the scan useful: scores are known to 1 %
}

TEST(ExactSearch, EqualsBruteForce) {
  for (const int dimension : {1, 2, 63, 64, 65, 384, 512, 769}) {
    for (const int count : {1, 2, 7, 64, 2049, 5000}) {
      const Vectors vectors = random_vectors(count, dimension, static_cast<unsigned>(dimension * 7 + count));
      const VectorCodes codes = codes_of(vectors, dimension);
      const auto query = random_vectors(1, dimension, 99)[0];
      for (const std::int64_t top_k : {1, 5, 100, count, count + 10}) {
        EXPECT_EQ(exact_search(codes, query, top_k, Fetch{vectors}), brute_force(vectors, query, top_k))
            << dimension << " x " << count << ", top " << top_k;
      }
    }
  }
}

TEST(ExactSearch, BreaksTiesByIdAndFindsTheVectorItself) {
  Vectors vectors = random_vectors(3000, 48, 5);
  for (std::size_t i = 0; i < vectors.size(); i += 3) vectors[i] = vectors[0];  // a thousand equal ones
  const VectorCodes codes = codes_of(vectors, 48);
  const auto found = exact_search(codes, vectors[0], 400, Fetch{vectors});
  EXPECT_EQ(found, brute_force(vectors, vectors[0], 400));
  EXPECT_EQ(found[0].id, kFirstId);
  EXPECT_EQ(found[1].id, kFirstId + 3);
}

TEST(ExactSearch, TakesQueriesOfAnyLength) {
  const Vectors vectors = random_vectors(1000, 96, 8);
  const VectorCodes codes = codes_of(vectors, 96);
  auto query = random_vectors(1, 96, 9)[0];
  for (const float factor : {0.0f, 1e-20f, -3.0f, 1e6f}) {
    auto scaled = query;
    for (float& x : scaled) x *= factor;
    EXPECT_EQ(exact_search(codes, scaled, 10, Fetch{vectors}), brute_force(vectors, scaled, 10)) << factor;
  }
}

TEST(ExactSearch, FindsNothingWhereThereIsNothing) {
  const VectorCodes codes = codes_of({}, 8);
  EXPECT_TRUE(exact_search(codes, std::vector<float>(8, 1.0f), 5, Fetch{{}}).empty());
  const Vectors vectors = random_vectors(3, 8, 1);
  EXPECT_TRUE(exact_search(codes_of(vectors, 8), vectors[0], 0, Fetch{vectors}).empty());
}

TEST(ExactSearch, ReadsFewOfTheVectors) {
  const Vectors vectors = random_vectors(20000, 256, 11);
  std::size_t fetched = 0;
  exact_search(codes_of(vectors, 256), random_vectors(1, 256, 12)[0], 5, Fetch{vectors, &fetched});
  EXPECT_LE(fetched, 2000u);
}

TEST(VectorCodes, SavedCodesSearchAlikeAndBadFilesAreNotOpened) {
  const auto path = std::filesystem::temp_directory_path() / ("gaze-codes-" + std::to_string(::getpid()));
  const Vectors vectors = random_vectors(777, 50, 4);
  const CodesKey key{{std::byte{7}}, 2, 9};
  codes_of(vectors, 50, key).save(path);
  const auto query = vectors[5];

  const auto reopened = VectorCodes::open(path, key);
  ASSERT_TRUE(reopened);
  EXPECT_EQ(exact_search(*reopened, query, 20, Fetch{vectors}), brute_force(vectors, query, 20));

  EXPECT_FALSE(VectorCodes::open(path, {key.library, 2, 10}));
  EXPECT_FALSE(VectorCodes::open(path, {key.library, 3, 9}));
  EXPECT_FALSE(VectorCodes::open(path, {{}, 2, 9}));
  EXPECT_FALSE(VectorCodes::open(path.parent_path() / "gaze-no-such-file", key));

  const std::string whole = read_text_file(path, 1 << 20);
  std::mt19937 random(6);
  for (int round = 0; round < 300; ++round) {  // any flipped bit is noticed
    std::string broken = whole;
    broken[random() % broken.size()] ^= static_cast<char>(1 << random() % 8);
    write_file_atomically(path, broken);
    EXPECT_FALSE(VectorCodes::open(path, key));
  }
  for (const std::size_t length : {std::size_t{0}, std::size_t{127}, std::size_t{128}, whole.size() - 1}) {
    write_file_atomically(path, whole.substr(0, length));
    EXPECT_FALSE(VectorCodes::open(path, key));
  }
  write_file_atomically(path, whole + "x");
  EXPECT_FALSE(VectorCodes::open(path, key));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace gaze
