// Conversations about pictures with models on this machine, from files to words.
#include "tasks/local_chat.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "media/image.h"
#include "models/testing.h"
#include "tasks/vision_cache.h"

namespace gaze {
namespace {

using testing::golden;
using ::testing::HasSubstr;

class LocalChatTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_language(Language::english); }

  std::unique_ptr<VisualChat> open() const { return open_local_chat(folder_, "model", {.precision = Precision::f32}); }
  std::string picture(int index) const {
    const std::string folder = GetParam().starts_with("llava_next") ? "llava_next" : "llava";
    return golden(folder) / cases_.at("pictures")[static_cast<std::size_t>(index)].get<std::string>();
  }
  VisualAnswer ask(VisualChat& chat, const ChatTurn& turn, const AnswerOptions& options) const {
    return chat.ask(turn, options, cancel_, {});
  }

  const std::filesystem::path folder_ = golden(GetParam());
  const Json cases_ = read_json_file(folder_ / "cases.json");
  CancelToken cancel_;
};
INSTANTIATE_TEST_SUITE_P(Reference, LocalChatTest,
                         ::testing::Values("llava/plain", "llava/full", "idefics3", "llava_next/mistral"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

// Keys and values in int8: the same choices, nearly as likely, random weights make much of little.
TEST_P(LocalChatTest, AnswersInInt8AreNearlyThose) {
  const auto exact = open(),
             small = open_local_chat(folder_, "model", {.precision = Precision::f32, .kept = KvCacheType::int8});
  const ChatTurn turn{{picture(0)}, "What is this?"};
  const AnswerOptions listed{.choices = {"a dog", "two cats", "yes"}};
  const VisualAnswer first = ask(*exact, turn, listed), second = ask(*small, turn, listed);
  double most = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double difference = std::fabs(first.choices[i].log_probability - second.choices[i].log_probability);
    EXPECT_LT(difference, 0.2) << i;
    most = std::max(most, difference);
  }
  EXPECT_GT(most, 1e-6);  // it is int8
}

TEST_P(LocalChatTest, AnswersAreTheReferencesForQuestionsAndForWholePrompts) {
  for (const Json& each : cases_.at("cases")) {
    ChatTurn turn;
    for (const Json& shown : each.at("pictures")) turn.inputs.push_back(picture(shown.get<int>()));
    AnswerOptions options{.max_tokens = 12, .repetition_penalty = each.at("repetition_penalty").get<double>()};
    const auto ids = each.at("ids").get<std::vector<std::int64_t>>();
    if (each.at("question").is_string()) {
      turn.text = each.at("question");
      const auto chat = open();
      const VisualAnswer answer = ask(*chat, turn, options);
      EXPECT_EQ(answer.ids, ids) << turn.text;
      EXPECT_EQ(answer.prompt_tokens, std::ssize(each.at("prompt_ids")));
      EXPECT_EQ(answer.image_tokens > 0, !turn.inputs.empty());
    }
    if (GetParam() == "idefics3") continue;  // its reference adds the first token to a prompt that has it already
    options.raw_prompt = true;
    turn.text = each.at("prompt");
    const auto chat = open();
    EXPECT_EQ(ask(*chat, turn, options).ids, ids) << turn.text;
  }
}

// The turn of a case, as cases.json tells it.
class LocalAnswersTest : public LocalChatTest {
 protected:
  ChatTurn turn_of(std::size_t index) const {
    const Json& told = cases_.at("cases")[index];
    ChatTurn turn{{}, told.at("question")};
    for (const Json& shown : told.at("pictures")) turn.inputs.push_back(picture(shown.get<int>()));
    return turn;
  }
  const Json answers_ = read_json_file(folder_ / "answers.json");
};
INSTANTIATE_TEST_SUITE_P(Reference, LocalAnswersTest, ::testing::Values("llava/plain", "idefics3"),
                         [](const auto& each) { return each.param == "idefics3" ? "idefics3" : "llava"; });

TEST_P(LocalAnswersTest, ChoicesAreAsLikelyAsTheReferenceSays) {
  const auto chat = open();
  for (const Json& each : answers_.at("choices")) {
    AnswerOptions options{.choices = each.at("texts").get<std::vector<std::string>>()};
    chat->reset();
    for (int again = 0; again < 2; ++again) {  // the second time after a question and its branches
      if (again == 1) chat->reset(), ask(*chat, turn_of(0), {.max_tokens = 3}), chat->reset();
      const VisualAnswer answer = ask(*chat, turn_of(each.at("case")), options);
      double sum = 0, largest = 0;
      std::vector<double> expected = each.at("log_probabilities").get<std::vector<double>>(), shares;
      for (const double score : expected) shares.push_back(std::exp(score - *std::ranges::max_element(expected)));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(answer.choices[i].text, options.choices[i]);
        EXPECT_NEAR(answer.choices[i].log_probability, expected[i], 1e-3);
        EXPECT_NEAR(answer.choices[i].probability, shares[i] / std::accumulate(shares.begin(), shares.end(), 0.0),
                    1e-3);
        sum += answer.choices[i].probability;
        largest = std::max(largest, answer.choices[i].probability);
      }
      EXPECT_NEAR(sum, 1, 1e-9);
      const auto said = std::ranges::find(answer.choices, answer.text, &ScoredChoice::text);
      ASSERT_NE(said, answer.choices.end());
      EXPECT_EQ(said->probability, largest);
    }
  }
}

TEST_P(LocalAnswersTest, AnswersLookWhereTheReferenceLooks) {
  std::string folder = (std::filesystem::temp_directory_path() / "gaze-explain-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto chat = open();
  for (const Json& each : answers_.at("attention")) {
    const ChatTurn turn = turn_of(each.at("case"));
    const AnswerOptions options{.max_tokens = 12, .explain = std::filesystem::path(folder) / "looked.png"};
    const VisualAnswer answer = ask(*chat, turn, options);
    const auto expected = each.at("to_vectors").get<std::vector<float>>();
    ASSERT_EQ(answer.attention.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(answer.attention[i], expected[i], 2e-6) << i;
    EXPECT_GT(load_image(options.explain).width, 100);
    std::filesystem::remove(options.explain);
    // The talk goes on as if nothing had been explained.
    const auto other = open();
    ask(*other, turn, {.max_tokens = 12});
    const ChatTurn next{{}, "a"};
    EXPECT_EQ(ask(*chat, next, {.max_tokens = 6}).ids, ask(*other, next, {.max_tokens = 6}).ids);
    chat->reset();
  }
  std::filesystem::remove_all(folder);
}

TEST_P(LocalAnswersTest, ManyChoicesAreFollowedInGroupsAndTheTalkGoesOn) {
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back("a dog " + std::to_string(i));
  const auto chat = open();
  const VisualAnswer all = ask(*chat, turn_of(0), {.choices = many});
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{10}, std::size_t{99}}) {
    chat->reset();
    const VisualAnswer few = ask(*chat, turn_of(0), {.choices = {many[i], "yes"}});
    EXPECT_NEAR(few.choices[0].log_probability, all.choices[i].log_probability, 1e-4) << i;
  }
  // The question after branches is answered as if the likeliest had been said.
  const auto other = open();
  ask(*other, turn_of(0), {.choices = {all.text, many[all.text == many[0] ? 1 : 0]}});
  chat->reset();
  ask(*chat, turn_of(0), {.choices = many});
  const ChatTurn next{{}, "Is it a cat?"};
  EXPECT_EQ(ask(*chat, next, {.max_tokens = 6}).ids, ask(*other, next, {.max_tokens = 6}).ids);
}

TEST_P(LocalChatTest, AStopEndsTheAnswerBeforeItself) {
  const VisualAnswer whole = ask(*open(), {{picture(0)}, "What is this?"}, {.max_tokens = 12});
  if (whole.text.size() < 6) return;
  std::size_t from = whole.text.size() / 2;
  while ((whole.text[from] & 0xC0) == 0x80) ++from;  // where a character begins
  const std::string stop = whole.text.substr(from, 5);
  std::string streamed;
  const VisualAnswer answer = open()->ask({{picture(0)}, "What is this?"}, {.max_tokens = 12, .stops = {"zzz", stop}},
                                          cancel_, [&](std::string_view text) { streamed += text; });
  EXPECT_EQ(answer.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_EQ(streamed, answer.text);
  EXPECT_EQ(answer.finish_reason, "stop");
  EXPECT_LE(answer.ids.size(), whole.ids.size());
}

TEST_P(LocalChatTest, AConversationGoesOnAboutItsPictures) {
  const auto chat = open(), other = open();
  const AnswerOptions options{.max_tokens = 5};
  const VisualAnswer first = ask(*chat, {{picture(0)}, "What is this?"}, options);
  const VisualAnswer second = ask(*chat, {{}, "Is it a cat?"}, options);
  EXPECT_EQ(second.image_tokens, first.image_tokens);
  EXPECT_GT(second.prompt_tokens, first.prompt_tokens);
  EXPECT_EQ(second.vision_ms, 0);
  const VisualAnswer third = ask(*chat, {{picture(2)}, "And this?"}, options);
  EXPECT_GT(third.image_tokens, second.image_tokens);

  // Another picture first: everything after it changes.
  ask(*other, {{picture(1)}, "What is this?"}, options);
  chat->reset();
  const VisualAnswer again = ask(*chat, {{picture(0)}, "What is this?"}, options);
  EXPECT_EQ(again.ids, first.ids);
  EXPECT_EQ(ask(*chat, {{}, "Is it a cat?"}, options).ids, second.ids);
}

// Another process, or another evening: the picture is not encoded again, and the words are the same.
TEST_P(LocalChatTest, WhatWasSeenIsKept) {
  std::string folder = (std::filesystem::temp_directory_path() / "gaze-vision-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto kept = std::filesystem::path(folder) / "vision";
  const AnswerOptions options{.max_tokens = 6};
  const auto answer = [&] {
    const auto chat = open_local_chat(folder_, "model", {.precision = Precision::f32, .vision_cache = kept});
    return ask(*chat, {{picture(0), picture(1)}, "What is this?"}, options).ids;
  };
  const auto files = [&] {
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(kept)) all.push_back(entry.path());
    return all;
  };
  const auto first = answer();
  ASSERT_EQ(files().size(), 2u);
  EXPECT_EQ(answer(), first);

  // Numbers that were changed on the disk are those that are used; a file that is not whole is made anew.
  const std::string whole = read_text_file(files()[0], MiB);
  std::string changed = whole;
  for (std::size_t i = changed.size() / 2; i < changed.size(); ++i) changed[i] = '\0';
  write_file_atomically(files()[0], changed);
  EXPECT_NE(answer(), first);
  for (const std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{40}, whole.size() - 1}) {
    write_file_atomically(files()[0], whole.substr(0, length));
    EXPECT_EQ(answer(), first) << length;
    EXPECT_EQ(read_text_file(files()[0], MiB), whole);
  }
  for (std::size_t bit = 0; bit < 8 * 64; bit += 7) {
    changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    write_file_atomically(files()[0], changed);
    EXPECT_NO_THROW(answer());
  }
  std::filesystem::remove_all(folder);
}

// Another question about the same pictures is read on from where the first one began.
TEST_P(LocalChatTest, WhatWasReadOfAPictureIsKept) {
  std::string folder = (std::filesystem::temp_directory_path() / "gaze-read-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto kept = std::filesystem::path(folder) / "vision";
  LocalChatOptions opened{.precision = Precision::f32, .vision_cache = kept, .keeps_beginnings = true};
  const auto answer = [&](const char* question, const AnswerOptions& options) {
    return ask(*open_local_chat(folder_, "model", opened), {{picture(0), picture(1)}, question}, options);
  };
  const auto expected = [&](const char* question, const AnswerOptions& options) {
    return ask(*open(), {{picture(0), picture(1)}, question}, options);
  };
  const auto read = [&] {
    std::vector<std::filesystem::path> all;
    for (const auto& entry : std::filesystem::directory_iterator(kept)) {
      if (entry.path().extension() == ".read") all.push_back(entry.path());
    }
    return all;
  };
  const AnswerOptions plain{.max_tokens = 6}, listed{.choices = {"a dog", "two cats", "yes"}};
  const auto first = expected("What is this?", plain).ids, second = expected("Is it a cat?", plain).ids;
  EXPECT_EQ(answer("What is this?", plain).ids, first);
  ASSERT_EQ(read().size(), 1u);
  const auto file = read()[0];
  const std::string whole = read_text_file(file, MiB);
  EXPECT_EQ(answer("Is it a cat?", plain).ids, second);
  EXPECT_EQ(answer("What is this?", {.max_tokens = 6, .beams = 3}).ids,
            expected("What is this?", {.max_tokens = 6, .beams = 3}).ids);
  EXPECT_NEAR(answer("Is it a cat?", listed).choices[1].log_probability,
              expected("Is it a cat?", listed).choices[1].log_probability, 1e-4);
  EXPECT_EQ(read(), std::vector{file});

  // What beams and choices leave behind is the same beginning.
  for (const AnswerOptions& options : {listed, AnswerOptions{.max_tokens = 6, .beams = 3}}) {
    std::filesystem::remove(file);
    answer("Is it a cat?", options);
    EXPECT_EQ(read_text_file(file, MiB), whole);
  }
  // It is used, and not trusted: what is not whole is made anew.
  std::string changed = whole;
  for (std::size_t i = changed.size() / 2; i < changed.size(); ++i) changed[i] = '\0';
  write_file_atomically(file, changed);
  EXPECT_NE(answer("What is this?", listed).choices[0].log_probability,
            expected("What is this?", listed).choices[0].log_probability);
  for (const std::string& other : {std::string(), whole.substr(1), whole.substr(0, whole.size() - 1), "x" + whole,
                                   "gazeread0" + whole.substr(9)}) {
    write_file_atomically(file, other);
    EXPECT_EQ(answer("What is this?", plain).ids, first);
    EXPECT_EQ(read_text_file(file, MiB), whole);
  }
  // Other words, pictures or numbers before the question begin another conversation.
  answer("What is this?", {.max_tokens = 6, .system = "Be kind."});
  ask(*open_local_chat(folder_, "model", opened), {{picture(1), picture(0)}, "What is this?"}, plain);
  opened.precision = Precision::bf16;
  answer("What is this?", plain);
  EXPECT_EQ(read().size(), 4u);
  opened.kept = KvCacheType::int8;  // of them, a conversation in bf16 knows nothing, nor the other way round
  const auto in_int8 = answer("What is this?", listed).choices[1].log_probability;
  EXPECT_EQ(read().size(), 5u);
  EXPECT_NEAR(answer("What is this?", listed).choices[1].log_probability, in_int8, 1e-6);
  EXPECT_EQ(read().size(), 5u);
  const VisionCache::Use use = VisionCache::use_of(kept);
  EXPECT_EQ(use.pictures, 4);  // two, in two precisions
  EXPECT_GT(use.bytes, 4 * std::ssize(whole) / 2);
  EXPECT_EQ(VisionCache::clear(kept).pictures, 4);
  EXPECT_TRUE(std::filesystem::is_empty(kept));
  std::filesystem::remove_all(folder);
}

// A LLaMA that reads text alone.
TEST(LocalChat, AModelWithoutEyesAnswersQuestionsWithoutPictures) {
  set_language(Language::english);
  const auto chat = open_local_chat(golden("llama/plain.gguf"), "plain", {.precision = Precision::f32});
  const VisualAnswer answer = chat->ask({.text = "w5 w7"}, {.max_tokens = 5}, CancelToken(), {});
  EXPECT_EQ(answer.ids.size(), 5u);
  EXPECT_EQ(answer.image_tokens, 0);
  try {
    chat->ask({.inputs = {golden("llava/wide.png").string()}, .text = "w5"}, {}, CancelToken(), {});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.message(), HasSubstr("reads text only"));
  }
}

TEST(VisionCache, TheOldestGoWhereThereAreTooMany) {
  std::string folder = (std::filesystem::temp_directory_path() / "gaze-vision-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const VisionCache cache(folder, "model", 1000);
  EncodedPicture seen{Tensor::zeros({2, 20}, DType::f32), {5, 5}};  // 32 + 8 + 160 bytes
  std::vector<ContentHash> hashes(8);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    hashes[i][0] = static_cast<std::byte>(i);
    cache.store(hashes[i], seen);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(cache.find(hashes[0], 20)) << i;  // used, so that it stays
  }
  EXPECT_FALSE(cache.find(hashes[1], 20));
  EXPECT_TRUE(cache.find(hashes[7], 20));
  EXPECT_FALSE(cache.find(hashes[7], 21));
  EXPECT_FALSE(VisionCache(folder, "another model", 1000).find(hashes[7], 20));
  std::filesystem::remove_all(folder);
}

TEST_P(LocalChatTest, StreamsTheWholeAnswer) {
  std::string streamed;
  const VisualAnswer answer = open()->ask({{picture(1)}, "这张图片里有什么？"}, {.max_tokens = 20}, cancel_,
                                          [&](std::string_view text) { streamed += text; });
  EXPECT_EQ(streamed, answer.text);
  EXPECT_EQ(answer.completion_tokens, std::ssize(answer.ids));
}

TEST_P(LocalChatTest, WhatCannotBeAskedIsRefusedAndForgotten) {
  const auto chat = open();
  const AnswerOptions options{.max_tokens = 4};
  const AnswerOptions raw{.max_tokens = 4, .raw_prompt = true};
  std::string endless;
  for (int i = 0; i < 400; ++i) endless += "a cat or a dog ";
  struct Case {
    ChatTurn turn;
    AnswerOptions options;
    ErrorCode code;
    const char* fault;
  };
  const Case cases[] = {
      {{{"https://example.org/a.png"}, "What?"}, options, ErrorCode::usage, "only remote models"},
      {{{"/nowhere/a.png"}, "What?"}, options, ErrorCode::not_found, "/nowhere/a.png"},
      {{{(folder_ / "config.json").string()}, "What?"}, options, ErrorCode::bad_image, "config.json"},
      {{{picture(0)}, endless}, options, ErrorCode::usage, "tokens; the model reads at most"},
      {{std::vector<std::string>(60, picture(0)), "What?"}, options, ErrorCode::usage, "the model reads at most"},
      {{{picture(0)}, "What?"}, raw, ErrorCode::usage, "places for 0 pictures, and 1 were given"},
      {{{}, "<image> What?"}, raw, ErrorCode::usage, "places for 1 pictures, and 0 were given"},
      {{{picture(0)}, "<image><image><image> What?"}, raw, ErrorCode::usage, "places for 3 pictures"},
  };
  for (const Case& each : cases) {
    try {
      ask(*chat, each.turn, each.options);
      ADD_FAILURE() << each.fault;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), each.code) << error.message();
      EXPECT_THAT(error.message(), HasSubstr(each.fault));
    }
  }
  // What was refused is not part of the conversation, and what a person writes never is a picture.
  const VisualAnswer after = ask(*chat, {{picture(0)}, "<image> What?"}, options);
  EXPECT_EQ(after.ids, ask(*open(), {{picture(0)}, "<image> What?"}, options).ids);
}

}  // namespace
}  // namespace gaze
