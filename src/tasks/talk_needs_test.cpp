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
  EXPECT_EQ(words.a_position_in_int8, 2 * 2 * (24 + 4 * 2));  // four heads, a scale of two bytes each
  EXPECT_EQ(words.in_int8().a_position, words.a_position_in_int8);
  EXPECT_EQ(needs_to_talk(file, {}, Precision::f32, KvCacheType::int8).a_position, words.a_position_in_int8);
  EXPECT_EQ(needs_to_talk(file, {}, Precision::f32, KvCacheType::bf16).a_position, words.a_position);
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
  const TalkNeeds needs{.weights = 4 * GiB,
                        .work = 100 * MiB,
                        .a_position = MiB,
                        .a_position_in_int8 = MiB / 2,
                        .most_positions = 4096,
                        .in_four_bits = 2 * GiB};
  const std::string four_bits = "in four bits it takes 4196 MiB: gaze models quantise big --to int4";
  EXPECT_EQ(what_would_fit(needs, "big", 4 * GiB + 110 * MiB), four_bits);
  EXPECT_EQ(what_would_fit(needs, "big", 4 * GiB + 200 * MiB),
            "with --kv-cache int8 conversations of up to 200 tokens fit; " + four_bits);
  EXPECT_EQ(what_would_fit(needs, "big", 4 * GiB + 400 * MiB),
            "conversations of up to 300 tokens fit, with --kv-cache int8 up to 600; " + four_bits);
  EXPECT_EQ(
      what_would_fit(needs.in_int8(), "big", 4 * GiB + 400 * MiB),
      "conversations of up to 600 tokens fit; in four bits it takes 3172 MiB: gaze models quantise big --to int4");
  EXPECT_EQ(what_would_fit(needs, "big", 3 * GiB), "choose a smaller model");
  TalkNeeds file = needs;
  file.is_file = true;
  EXPECT_THAT(what_would_fit(file, "big.gguf", 5 * GiB), HasSubstr("in Q4_K_M it takes 4196 MiB"));
  file.is_quantised = true;
  EXPECT_EQ(what_would_fit(file, "big.gguf", 5 * GiB),
            "conversations of up to 924 tokens fit, with --kv-cache int8 up to 1848");
}

TEST_F(TalkNeedsTest, ModelsAndPromptsThatDoNotFitAreRefusedBeforeTheyAreTried) {
  const auto file = golden("llava/plain.gguf"), eyes = golden("llava/plain-mmproj.gguf");
  const TalkNeeds needs = needs_to_talk(file, eyes, Precision::automatic);
  LocalChatOptions options{.kept = KvCacheType::bf16, .eyes = eyes, .memory_bytes = needs.bytes(kShortTalk - 1)};
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
    EXPECT_EQ(error.hint(), "with --kv-cache int8 it suffices for 159");
  }
  const VisualAnswer answer = chat->ask({{}, "a"}, {.max_tokens = 155}, cancel, {});
  EXPECT_EQ(answer.prompt_tokens + answer.completion_tokens, kShortTalk + 2);
  EXPECT_EQ(answer.finish_reason, "length");
}

// Where only int8 holds the conversation it turns to it, says so once, and goes on.
TEST_F(TalkNeedsTest, AConversationThatOutgrowsItsMemoryTurnsToInt8) {
  const auto file = golden("llava/plain.gguf");
  const std::int64_t memory = needs_to_talk(file, {}, Precision::automatic).bytes(90);
  const auto chat = open_local_chat(file, "plain", {.memory_bytes = memory});
  const CancelToken cancel;
  std::string said;
  const auto ask = [&](int tokens) {
    ::testing::internal::CaptureStderr();
    const VisualAnswer answer = chat->ask({{}, "a"}, {.max_tokens = tokens, .min_length = tokens}, cancel, {});
    said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(answer.completion_tokens, tokens);
    return answer.prompt_tokens;
  };
  const auto left = static_cast<int>(90 - ask(20) - 20);
  EXPECT_EQ(said, "");
  ASSERT_GT(left, 0);
  ask(left);  // after question and answer, and a question more
  EXPECT_THAT(said, HasSubstr("keys and values are kept in int8: in bf16 memory suffices for 90 tokens"));
  chat->reset();
  ask(left + 25);
  EXPECT_EQ(said, "");

  // Who asks for float32 is told.
  const TalkNeeds exact = needs_to_talk(file, {}, Precision::f32);
  try {
    open_local_chat(file, "plain", {.precision = Precision::f32, .memory_bytes = exact.bytes(kShortTalk - 1)});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("with --kv-cache int8 conversations of up to 160 tokens fit"));
  }
}

}  // namespace
}  // namespace gaze
