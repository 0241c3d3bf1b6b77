// Checkpoints written by torch and safetensors themselves (tools/goldens/make_weights.py).
#include "weights/weight_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/message.h"
#include "weights/test_support.h"

namespace gaze {
namespace {

const std::filesystem::path kGolden = GAZE_SOURCE_DIR "/tests/golden/weights";

std::string hexadecimal(const Tensor& tensor) {
  std::string text;
  for (std::size_t i = 0; i < tensor.bytes(); ++i) text += fmt::format("{:02x}", static_cast<int>(tensor.raw()[i]));
  return text;
}

class Checkpoint : public testing::TestWithParam<const char*> {};

TEST_P(Checkpoint, HoldsWhatWasSaved) {
  const Json expected = read_json_file(kGolden / "values.json").at(GetParam());
  const auto source = open_weights(kGolden / GetParam());
  ASSERT_EQ(source->tensors().size(), expected.size());
  auto info = source->tensors().begin();
  for (const auto& [name, row] : expected.items()) {  // sorted by name, as the source is
    EXPECT_EQ(info->name, name);
    EXPECT_EQ(to_string(info->dtype), row.at("dtype").get<std::string>()) << name;
    EXPECT_EQ(info->shape, Shape(row.at("shape").get<std::vector<std::int64_t>>())) << name;
    EXPECT_EQ(hexadecimal(source->tensor(name)), row.at("bytes").get<std::string>()) << name;
    ++info;
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, Checkpoint,
                         testing::Values("types.safetensors", "sharded", "views.bin", "views-old.bin",
                                         "views-protocol3.pt", "views-protocol4.pt", "views-protocol5.pt", "module.bin",
                                         "wrapped.pth", "sharded-bin"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

TEST(Checkpoints, RefuseWhatOnlyAProgramCouldRead) {
  set_language(Language::english);
  EXPECT_THAT(refusal([] { open_weights(kGolden / "whole-module.pt"); }),
              testing::HasSubstr("global 'torch.nn.modules.container.Sequential' is not one that tensors need"));
  EXPECT_THAT(refusal([] { open_weights(kGolden / "script.pt"); }), testing::HasSubstr("TorchScript"));
}

class IndexFile : public testing::Test {
 protected:
  IndexFile() : folder_(std::filesystem::temp_directory_path() / fmt::format("gaze-weights-test-{}", ::getpid())) {
    std::filesystem::create_directories(folder_ / "inner");
    set_language(Language::english);
    const std::string header = R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
    write_file_atomically(folder_ / "one.safetensors", little<std::uint64_t>(header.size()) + header + "x");
    std::filesystem::copy_file(folder_ / "one.safetensors", folder_ / "inner" / "one.safetensors");
  }
  ~IndexFile() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<const WeightSource> open(const std::string& index) {
    write_file_atomically(folder_ / "model.safetensors.index.json", index);
    return open_weights(folder_);
  }
  const std::filesystem::path folder_;
};

TEST_F(IndexFile, LeavesOutWhatItDoesNotName) {
  EXPECT_EQ(open(R"({"weight_map":{"w":"one.safetensors"}})")->tensors().size(), 1u);
  EXPECT_EQ(open(R"({"weight_map":{}})")->tensors().size(), 0u);
}

TEST_F(IndexFile, IsRefusedWhereItIsForged) {
  const auto shard = [](const std::string& name) { return R"({"weight_map":{"w":)" + name + "}}"; };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"[]", "no weight_map"},
      {"{}", "no weight_map"},
      {R"({"weight_map":[]})", "no weight_map"},
      {R"({"weight_map":{"w":"one.safetensors","w":"one.safetensors"}})", "key 'w' is there twice"},
      {R"({"weight_map":{},"weight_map":{}})", "key 'weight_map' is there twice"},
      {R"({"weight_map":{"v":"one.safetensors"}})", "tensor 'v' is not in 'one.safetensors'"},
      {shard("1"), "tensor 'w': its shard is not a plain file name"},
      {shard("\"\""), "not a plain file name"},
      {shard("\"..\""), "not a plain file name"},
      {shard("\"inner/one.safetensors\""), "not a plain file name"},
      {shard("\"../one.safetensors\""), "not a plain file name"},
      {shard("\"/etc/passwd\""), "not a plain file name"},
      {shard(R"("inner\\one.safetensors")"), "not a plain file name"},
      {shard(R"("C:one.safetensors")"), "not a plain file name"},
      {shard(R"("one.safetensors\u0000")"), "not a plain file name"},
      {shard("\"model.safetensors.index.json\""), "its shard is an index or a folder"},
      {shard("\"inner\""), "its shard is an index or a folder"},
  };
  for (const auto& [index, fault] : cases) {
    EXPECT_THAT(refusal([&] { open(index); }), testing::HasSubstr(fault)) << index;
  }
  EXPECT_THROW(open(shard("\"missing.safetensors\"")), Error);
  EXPECT_THROW(open("{"), Error);
}

TEST_F(IndexFile, AndFilesThatAreNoWeightsAreNamed) {
  try {
    open_weights(folder_ / "inner" / "missing.safetensors");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
  }
  std::filesystem::remove(folder_ / "inner" / "one.safetensors");
  try {
    open_weights(folder_ / "inner");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
    EXPECT_THAT(error.message(), testing::HasSubstr("no weights in this folder"));
  }
  write_file_atomically(folder_ / "one.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  EXPECT_THAT(refusal([&] { open_weights(folder_ / "one.safetensors"); }), testing::HasSubstr("Git LFS pointer"));
}

}  // namespace
}  // namespace gaze
