// Memory that conversations take: what counts, what is refused before it is tried, and what is proposed instead.
#include "tasks/talk_needs.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/testing.h"
#include "tasks/local_chat.h"

namespace gaze {
namespace {

using testing::golden;
using ::testing::HasSubstr;

class TalkNeedsTest : public ::testing::Test {
 protected:
  void SetUp() override { set_language(Language::english); }
};

TEST_F(TalkNeedsTest, KeysValuesAndEyesCountBesideTheWeights) {
  const auto file = golden("llava/plain.gguf"), eyes = golden("llava/plain-mmproj.gguf");
  const TalkNeeds words = needs_to_talk(file, {}, Precision::bf16), both = needs_to_talk(file, eyes, Precision::bf16);
  EXPECT_EQ(words.a_position, 2 * 2 * 24 * 2);  // keys and values, layers, width, bytes
  EXPECT_EQ(words.most_positions, 160);
  EXPECT_EQ(words.bytes(100), words.weights + words.work + 100 * words.a_position);
  EXPECT_EQ(words.bytes(5000), words.bytes(160));
  EXPECT_EQ(words.positions_in(words.bytes(100)), 100);
  EXPECT_EQ(words.positions_in(GiB), 160);
  EXPECT_LT(words.positions_in(1), 0);
  EXPECT_GT(both.weights, words.weights + 10'000);
  EXPECT_GT(both.work, words.work);
  const TalkNeeds exact = needs_to_talk(file, {}, Precision::f32);
  EXPECT_EQ(exact.a_position, 2 * words.a_position);
  EXPECT_EQ(exact.weights, 2 * words.weights);
}

// The same models as folders, whole and with a tower of its own, and as files take the same.
TEST_F(TalkNeedsTest, AreTheSameHoweverTheModelLies) {
  const TalkNeeds folder = needs_to_talk(golden("llava/plain"), {}, Precision::bf16),
                  file = needs_to_talk(golden("llava/plain.gguf"), golden("llava/plain-mmproj.gguf"), Precision::bf16);
  EXPECT_EQ(folder.a_position, file.a_position);
  EXPECT_NEAR(static_cast<double>(folder.weights), static_cast<double>(file.weights), 0.1 * folder.weights);
  EXPECT_EQ(folder.work, file.work);
  const TalkNeeds blind = needs_to_talk(golden("llava/own"), {}, Precision::bf16),
                  seeing = needs_to_talk(golden("llava/own"), golden("llava/own_tower"), Precision::bf16);
  EXPECT_GT(seeing.weights, blind.weights + 10'000);
}

TEST_F(TalkNeedsTest, WhatFitsIsProposed) {
  const TalkNeeds needs{
      .weights = 4 * GiB, .work = 100 * MiB, .a_position = MiB, .most_positions = 4096, .in_four_bits = 2 * GiB};
  const std::string four_bits = "in four bits it takes 4196 MiB: gaze models quantise big --to int4";
  EXPECT_EQ(what_would_fit(needs, "big", 4 * GiB + 110 * MiB), four_bits);
  EXPECT_EQ(what_would_fit(needs, "big", 4 * GiB + 400 * MiB), "conversations of up to 300 tokens fit; " + four_bits);
  EXPECT_EQ(what_would_fit(needs, "big", 3 * GiB), "choose a smaller model");
  TalkNeeds file = needs;
  file.is_file = true;
  EXPECT_THAT(what_would_fit(file, "big.gguf", 5 * GiB), HasSubstr("in Q4_K_M it takes 4196 MiB"));
  file.is_quantised = true;
  EXPECT_EQ(what_would_fit(file, "big.gguf", 5 * GiB), "conversations of up to 924 tokens fit");
}

TEST_F(TalkNeedsTest, ModelsAndPromptsThatDoNotFitAreRefusedBeforeTheyAreTried) {
  const auto file = golden("llava/plain.gguf"), eyes = golden("llava/plain-mmproj.gguf");
  const TalkNeeds needs = needs_to_talk(file, eyes, Precision::automatic);
  LocalChatOptions options{.eyes = eyes, .memory_bytes = needs.bytes(kShortTalk - 1)};
  try {
    open_local_chat(file, "plain", options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    EXPECT_THAT(error.message(), HasSubstr("plain.gguf: to answer takes "));
    EXPECT_FALSE(error.hint().empty());
  }
  options.memory_bytes = needs.bytes(kShortTalk + 2);
  const auto chat = open_local_chat(file, "plain", options);
  const CancelToken cancel;
  std::string words;
  for (int i = 0; i < 140; ++i) words += "a ";
  try {
    chat->ask({{}, words}, {}, cancel, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.message();
    EXPECT_THAT(error.message(), HasSubstr("memory suffices for 129"));
  }
  const VisualAnswer answer = chat->ask({{}, "a"}, {.max_tokens = 155}, cancel, {});
  EXPECT_EQ(answer.prompt_tokens + answer.completion_tokens, kShortTalk + 2);
  EXPECT_EQ(answer.finish_reason, "length");
}

}  // namespace
}  // namespace gaze
