// For the tests of model families: goldens, and how far results are from them.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"
#include "weights/weight_source.h"

namespace gaze::testing {

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden" / name;
}

// What the reference computed: states.safetensors and cases.json of a golden.
struct Expected {
  explicit Expected(const std::filesystem::path& folder)
      : states(open_weights(folder / "states.safetensors")), cases(read_json_file(folder / "cases.json")) {}

  Tensor operator[](const std::string& name) const { return states->tensor(name).to_f32(); }
  std::vector<std::vector<TokenId>> texts() const { return cases.at("texts").get<std::vector<std::vector<TokenId>>>(); }

  std::shared_ptr<const WeightSource> states;
  Json cases;
};

// The largest difference, relative to the largest expected number.
inline double relative_error(const Tensor& actual, const Tensor& expected) {
  EXPECT_EQ(actual.elements(), expected.elements());
  const Tensor a = actual.to_f32(), e = expected.to_f32();
  double difference = 0, largest = 0;
  for (std::int64_t i = 0; i < std::min(a.elements(), e.elements()); ++i) {
    difference = std::fmax(difference, std::fabs(double{a.data<float>()[i]} - e.data<float>()[i]));
    largest = std::fmax(largest, std::fabs(e.data<float>()[i]));
    if (std::isnan(a.data<float>()[i])) return NAN;
  }
  return difference / largest;
}

// The smallest cosine of a row with the expected one.
inline double smallest_cosine(const Tensor& actual, const Tensor& expected) {
  EXPECT_EQ(actual.shape(), expected.shape());
  double smallest = 1;
  const std::int64_t width = actual.size(-1);
  for (std::int64_t row = 0; row < actual.elements(); row += width) {
    double xy = 0, xx = 0, yy = 0;
    for (std::int64_t i = row; i < row + width; ++i) {
      const double x = actual.data<float>()[i], y = expected.data<float>()[i];
      xy += x * y, xx += x * x, yy += y * y;
    }
    smallest = std::fmin(smallest, xy / std::sqrt(xx * yy));
  }
  return smallest;
}

// A copy of a golden checkpoint that a test may spoil; removed at the end.
class SpoiledCheckpoint {
 public:
  explicit SpoiledCheckpoint(const std::filesystem::path& original) {
    std::string name = (std::filesystem::temp_directory_path() / "gaze-checkpoint-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    std::filesystem::copy(original, folder_, std::filesystem::copy_options::recursive);
  }
  ~SpoiledCheckpoint() { std::filesystem::remove_all(folder_); }
  SpoiledCheckpoint(const SpoiledCheckpoint&) = delete;
  SpoiledCheckpoint& operator=(const SpoiledCheckpoint&) = delete;

  const std::filesystem::path& folder() const { return folder_; }

  // Changes a JSON file by a merge patch (RFC 7386: null removes a key).
  void patch(const std::string& file, const Json& changes) const {
    Json json = read_json_file(folder_ / file);
    json.merge_patch(changes);
    write_file_atomically(folder_ / file, json.dump());
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace gaze::testing
