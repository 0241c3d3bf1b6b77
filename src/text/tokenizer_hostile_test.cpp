// Tokenizer files that are broken or mean harm: each is refused with an Error that names the file.
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace gaze {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests" / "golden" / "text";

class HostileTokenizerTest : public testing::Test {
 protected:
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("gaze-hostile-" + std::to_string(::getpid()));
  HostileTokenizerTest() { std::filesystem::create_directories(folder); }
  ~HostileTokenizerTest() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  void clear() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove(entry);
  }

  void expect_refused(ErrorCode code, const std::string& named) const {
    try {
      open_tokenizer(folder);
      ADD_FAILURE() << "accepted: " << named;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.message();
      EXPECT_NE(error.message().find(named), std::string::npos) << error.message();
    }
  }

  // A tokenizer.json that works, changed.
  void expect_json_refused(const char* golden, const std::function<void(Json&)>& change, ErrorCode code,
                           const std::string& named = "tokenizer.json") const {
    Json value = read_json_file(kGolden / golden / "tokenizer.json");
    change(value);
    write("tokenizer.json", value.dump());
    expect_refused(code, named);
  }
};

TEST_F(HostileTokenizerTest, EmptyFolder) {
  expect_refused(ErrorCode::not_found, folder.string());
}

TEST_F(HostileTokenizerTest, BrokenJson) {
  for (const std::string text : {"",
                                 "{",
                                 "[]",
                                 "nul",
                                 "{\"model\"",
                                 "{\"model\":{\"vocab\":{\"a\":0,}}}",
                                 "{\"model\":{\"vocab\":{\"a\":0.5}}}",
                                 "{\"model\":{\"vocab\":{\"a\":1e3}}}",
                                 "{\"model\":{\"vocab\":{\"a\":99999999999999999999}}}",
                                 "{\"model\":{\"vocab\":{\"\\ud800\":0}}}",
                                 "{\"model\":{\"vocab\":{\"\\ud800\\u0041\":0}}}",
                                 "{\"model\":{\"vocab\":{\"\\u12\":0}}}",
                                 "{\"model\":{\"vocab\":{\"\\x\":0}}}",
                                 "{\"model\":{\"vocab\":{\"a\nb\":0}}}",
                                 "{\"model\":{\"vocab\":{\"a\":0}}} x",
                                 "{\"model\":{\"vocab\":[[\"a\"]]}}",
                                 "{\"model\":{\"vocab\":[[\"a\",1,2]]}}",
                                 "{\"model\":{\"vocab\":[[\"a\",01]]}}",
                                 "{\"model\":{\"vocab\":[[\"a\",1e999]]}}",
                                 "{\"model\":{\"vocab\":7}}",
                                 "{\"model\":{\"vocab\":{\"\xFF\":0}}}",
                                 "{\"normalizer\":{]}",
                                 "{\"x\":tru}"}) {
    write("tokenizer.json", text);
    expect_refused(ErrorCode::invalid_json, "tokenizer.json");
  }
  write("tokenizer.json", "{\"normalizer\":" + std::string(100, '[') + std::string(100, ']') + "}");
  expect_refused(ErrorCode::invalid_json, "deeper");
}

TEST_F(HostileTokenizerTest, BrokenVocabularies) {
  const auto set = [](const char* token, Json id) { return [=](Json& value) { value["model"]["vocab"][token] = id; }; };
  expect_json_refused("smollm2", set("new", 5), ErrorCode::bad_weights, "same id 5");
  expect_json_refused("smollm2", set("new", -1), ErrorCode::bad_weights, "negative");
  expect_json_refused("smollm2", set("new", limits().vocabulary_ids), ErrorCode::limit_exceeded);
  expect_json_refused("smollm2", set(std::string(5000, 'a').c_str(), 5000), ErrorCode::limit_exceeded);
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["vocab"].erase("Ġa"); }, ErrorCode::bad_weights, "Ġa");
  expect_json_refused(
      "smollm2", [](Json& v) { v["added_tokens"][0]["id"] = 77; }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["added_tokens"][0]["id"] = -3; }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["added_tokens"][0]["id"] = 1 << 30; }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["added_tokens"][0]["content"] = 1; }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["added_tokens"] = "x"; }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2",
      [](Json& v) {
        v["model"]["merges"].push_back({"no", "such merge"});
      },
      ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["merges"].push_back({"a"}); }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["merges"].push_back("a b c"); }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["merges"].push_back("ab"); }, ErrorCode::bad_weights);
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["unk_token"] = "none such"; }, ErrorCode::bad_weights);
  expect_json_refused(
      "bert_json", [](Json& v) { v["model"]["unk_token"] = "none such"; }, ErrorCode::bad_weights);
  expect_json_refused(
      "bert_json", [](Json& v) { v["model"]["max_input_chars_per_word"] = -1; }, ErrorCode::bad_weights);
  expect_json_refused(
      "unigram_json", [](Json& v) { v["model"]["unk_id"] = 1 << 20; }, ErrorCode::bad_weights);
  expect_json_refused(
      "unigram_json", [](Json& v) { v["model"]["vocab"][4][0] = v["model"]["vocab"][5][0]; }, ErrorCode::bad_weights);
  expect_json_refused(
      "unigram_json", [](Json& v) { v["model"].erase("vocab"); }, ErrorCode::unsupported_model);
}

TEST_F(HostileTokenizerTest, ComponentsThatGazeDoesNotHave) {
  const auto set = [](const char* part, Json component) { return [=](Json& value) { value[part] = component; }; };
  const ErrorCode unsupported = ErrorCode::unsupported_model, broken = ErrorCode::bad_weights;
  expect_json_refused("smollm2", set("normalizer", {{"type", "Nmt"}}), unsupported, "Nmt");
  expect_json_refused("smollm2", set("pre_tokenizer", {{"type", "UnicodeScripts"}}), unsupported, "UnicodeScripts");
  expect_json_refused("smollm2", set("decoder", {{"type", "CTC"}}), unsupported, "CTC");
  expect_json_refused("smollm2", set("post_processor", {{"type", "Unheard"}}), unsupported, "Unheard");
  expect_json_refused(
      "smollm2", [](Json& v) { v["model"]["type"] = "WordLevel"; }, unsupported, "WordLevel");
  for (const char* expression : {"(", "a{", "\\K", "^a", "a$", "(?<", "[a", "\\"}) {
    expect_json_refused(
        "smollm2",
        set("pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}}),
        unsupported, "regular expression");
  }
  expect_json_refused("smollm2", set("normalizer", 7), broken);
  expect_json_refused("smollm2", set("normalizer", {{"type", "Sequence"}}), broken);
  expect_json_refused("smollm2", set("normalizer", {{"type", "Replace"}, {"content", ""}}), broken);
  expect_json_refused("smollm2", set("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "!!"}}), broken);
  expect_json_refused("smollm2", set("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}}),
                      broken);
  expect_json_refused("smollm2", set("pre_tokenizer", {{"type", "Metaspace"}, {"replacement", ""}}), broken);
  expect_json_refused("smollm2", set("decoder", {{"type", "BPEDecoder"}, {"suffix", ""}}), broken);
  expect_json_refused("smollm2", set("decoder", {{"type", "Strip"}, {"content", ""}, {"start", 1}}), broken);
  expect_json_refused("smollm2",
                      set("post_processor", {{"type", "BertProcessing"}, {"sep", {"x", 1 << 20}}, {"cls", {"x", 1}}}),
                      broken);
  expect_json_refused("smollm2",
                      set("post_processor", {{"type", "TemplateProcessing"}, {"single", {7}}, {"special_tokens", 1}}),
                      broken);
  expect_json_refused(
      "smollm2",
      set("post_processor", {{"type", "TemplateProcessing"},
                             {"single", {{{"SpecialToken", {{"id", "x"}}}}, {{"Sequence", {{"id", "A"}}}}}},
                             {"special_tokens", {{"x", {{"ids", {1 << 20}}}}}}}),
      broken);
}

TEST_F(HostileTokenizerTest, PlainVocabularyFiles) {
  write("vocab.json", "{\"a\":0,\"b\":1,\"ab\":2,\"<|endoftext|>\":3}");
  for (const char* merges : {"#v\na\n", "#v\na b c\n", "#v\n b\n", "#v\na c\n", "#v\nb a\n", "#v\n\xFF a\n"}) {
    write("merges.txt", merges);
    expect_refused(ErrorCode::bad_weights, merges[3] == '\xFF' ? "merges.txt" : "");
  }
  write("merges.txt", "#v\na b\n");
  EXPECT_EQ(open_tokenizer(folder)->encode("ab"), (std::vector<TokenId>{2}));
  write("tokenizer_config.json", "[1]");
  expect_refused(ErrorCode::bad_weights, "tokenizer_config.json");
  write("tokenizer_config.json", "{\"add_prefix_space\": 7}");
  expect_refused(ErrorCode::bad_weights, "add_prefix_space");
  write("tokenizer_config.json", "{\"added_tokens_decoder\": {\"x\": \"y\"}}");
  expect_refused(ErrorCode::bad_weights, "added_tokens_decoder");
  write("tokenizer_config.json", "{\"added_tokens_decoder\": {\"2\": \"y\"}}");
  expect_refused(ErrorCode::bad_weights, "same id 2");

  clear();
  write("vocab.txt", "[UNK]\n\xC0\n");
  expect_refused(ErrorCode::bad_weights, "vocab.txt");
  // A token that stands there twice has its last line as id, and an empty line is a token that no text has.
  write("vocab.txt", "[UNK]\r\na\r\n\r\na\r\n\r\n");
  EXPECT_EQ(open_tokenizer(folder)->encode("a A b", {.add_special_tokens = false}), (std::vector<TokenId>{3, 3, 0}));
}

TEST_F(HostileTokenizerTest, SentencePieceFilesCutAndFlipped) {
  for (const char* golden : {"gaze_mini/tokenizer.model", "llama_model/tokenizer.model", "siglip/spiece.model"}) {
    clear();
    const std::filesystem::path source = kGolden / golden;
    const std::string name = source.filename().string();
    std::filesystem::copy(source.parent_path() / "tokenizer_config.json", folder / "tokenizer_config.json");
    const std::string good = read_text_file(source, 1 << 24);
    int refused = 0;
    const auto try_to_use = [&](const std::string& bytes) {
      write(name, bytes);
      try {
        const auto tokenizer = open_tokenizer(folder);
        EXPECT_TRUE(is_valid_utf8(tokenizer->decode(tokenizer->encode("Ａ photo ㎏ of é 猫 \xFF"))));
      } catch (const Error& error) {
        ++refused;
        EXPECT_EQ(error.code() == ErrorCode::bad_weights || error.code() == ErrorCode::unsupported_model ||
                      error.code() == ErrorCode::limit_exceeded,
                  true)
            << error.message();
      }
    };
    for (std::size_t cut = 0; cut < good.size(); cut += 389) try_to_use(good.substr(0, cut));
    for (std::size_t at = 0; at < good.size(); at += 241) {
      std::string flipped = good;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
      try_to_use(flipped);
    }
    EXPECT_GT(refused, 30) << golden;
  }
}

// Quadratic algorithms would take minutes for these texts, and the test program's time is limited.
TEST(LongTextTest, TimeIsLinear) {
  for (const char* golden : {"clip_files", "bert_json", "siglip", "llama_model", "gemma", "smollm2", "llama3",
                             "unigram_json", "gaze_mini"}) {
    const std::unique_ptr<const Tokenizer> tokenizer = open_tokenizer(kGolden / golden);
    for (const std::string unit : {"a", " ", "猫", "😀", "\n", ".", "ab ", "<", "\xFF", "e\u0301"}) {
      std::string text;
      while (text.size() < 100'000) text += unit;
      const std::vector<TokenId> ids = tokenizer->encode(text);
      EXPECT_LE(ids.size(), text.size() * 3 + 3) << golden;
    }
  }
  EXPECT_THROW(open_tokenizer(kGolden / "clip_files")
                   ->encode(std::string(static_cast<std::size_t>(limits().text_bytes) + 1, 'a')),
               Error);
}

}  // namespace
}  // namespace gaze
