// A checkpoint in fewer bits: what it stands for, that it is read again, and by which names.
#include "models/quantised_checkpoint.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "generate/generate.h"
#include "models/chat_models.h"
#include "models/testing.h"
#include "tensor/quantise.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using testing::golden;

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(fs::temp_directory_path() / ("gaze-quantised-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Error of the numbers that blocks stand for, over the numbers' own size.
double relative_error(const Tensor& numbers, const BlockTensor& blocks) {
  const Tensor back = blocks.to_f32();
  double error = 0, own = 0;
  for (std::int64_t i = 0; i < numbers.elements(); ++i) {
    const double x = numbers.data<float>()[i], off = back.data<float>()[i] - x;
    error += off * off, own += x * x;
  }
  return std::sqrt(error / own);
}

TEST(Quantise, FourBitsAreNearTheNumbers) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.02f);
  for (const std::int64_t width : {512, 96}) {
    Tensor numbers = Tensor::empty({5, width}, DType::f32);
    for (std::int64_t i = 0; i < numbers.elements(); ++i) numbers.data<float>()[i] = normal(random);
    const BlockTensor blocks = quantise_four_bits(numbers);
    EXPECT_EQ(blocks.type, width == 512 ? BlockType::q4_k : BlockType::q4_1);
    EXPECT_LT(relative_error(numbers, blocks), 0.08);  // min to max in even steps: 0.085
    EXPECT_LT(relative_error(numbers, quantise_q8_0(numbers)), 0.006);
    const BlockTensor six = quantise_six_bits(numbers);
    EXPECT_EQ(six.type, width == 512 ? BlockType::q6_k : BlockType::q8_0);
    EXPECT_LT(relative_error(numbers, six), 0.018);  // with the largest at 31: 0.0192
  }
}

TEST(Quantise, OddNumbersAreHarmless) {
  const float inf = std::numeric_limits<float>::infinity(), none = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t width : {256, 32}) {
    for (const std::vector<float>& pattern :
         {std::vector<float>{0}, {3}, {-3}, {inf, 1}, {-inf, 1}, {none, 1}, {1e38f, -1e38f}}) {
      Tensor numbers = Tensor::empty({1, width}, DType::f32);
      for (std::int64_t i = 0; i < width; ++i)
        numbers.data<float>()[i] = pattern[static_cast<std::size_t>(i) % pattern.size()];
      for (const BlockTensor& blocks : {quantise_four_bits(numbers), quantise_six_bits(numbers)}) {
        const Tensor back = blocks.to_f32();
        if (pattern.size() > 1) continue;
        for (std::int64_t i = 0; i < width; ++i)
          EXPECT_NEAR(back.data<float>()[i], pattern[0], 0.01 * std::abs(pattern[0]));
      }
    }
  }
}

std::vector<float> logits_of(const llama::ChatModel& model, const std::vector<TokenId>& prompt) {
  const std::vector<std::vector<TokenId>> prompts{prompt};
  const auto decoder = model.decoder(std::ssize(prompt));
  const std::span<const float> logits = decoder->start(prompts);
  return {logits.begin(), logits.end()};
}

// Rows of these goldens are no whole blocks and so stay numbers: what comes out is the same model to the last digits.
TEST(QuantisedCheckpoint, IsTheSameModelUnderOtherNames) {
  for (const char* name : {"llava/plain", "llava/full", "idefics3"}) {
    SCOPED_TRACE(name);
    const fs::path from = golden(name);
    const auto parts = open_chat_parts(from, Precision::f32);
    const TemporaryFolder folder;
    std::int64_t done = 0, total = 0;
    const QuantiseResult sizes = write_quantised_checkpoint(parts, from, folder.path(), WeightBits::four, {},
                                                            [&](std::int64_t now, std::int64_t all) {
                                                              EXPECT_GT(now, done);
                                                              done = now, total = all;
                                                            });
    EXPECT_EQ(total, sizes.bytes_before);
    ASSERT_TRUE(is_quantised_checkpoint(folder.path()));
    const auto before = load_chat_model(from, Precision::f32), after = load_chat_model(folder.path(), Precision::f32);
    EXPECT_NE(after->pictures(), nullptr);
    EXPECT_EQ(after->config().rotary_pairs, RotaryPairs::adjacent);
    const std::vector<TokenId> prompt = before->tokenizer().encode("a photo of two cats");
    const std::vector<float> expected = logits_of(*before, prompt);
    // The GGUF file alone is a whole language model with the same words.
    const auto alone = load_chat_model(folder.path() / "model.gguf", Precision::f32);
    EXPECT_EQ(alone->tokenizer().encode("a photo of two cats"), prompt);
    for (const auto* model : {after.get(), alone.get()}) {
      const std::vector<float> logits = logits_of(*model, prompt);
      ASSERT_EQ(logits.size(), expected.size());
      for (std::size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], expected[i], 1e-4) << i;
    }
  }
}

TEST(QuantisedCheckpoint, StopsWhenAskedTo) {
  const fs::path from = golden("llava/plain");
  const auto parts = open_chat_parts(from, Precision::f32);
  const TemporaryFolder folder;
  CancelToken cancel;
  cancel.cancel();
  EXPECT_THROW(write_quantised_checkpoint(parts, from, folder.path(), WeightBits::four, cancel, [](auto, auto) {}),
               Error);
  EXPECT_FALSE(is_quantised_checkpoint(folder.path()));
}

}  // namespace
}  // namespace gaze
