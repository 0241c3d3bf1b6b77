#include "text/tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"

namespace gaze {
namespace {

using Ids = std::vector<TokenId>;

const std::filesystem::path kGolden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests" / "golden" / "text";
const std::filesystem::path kShared = GAZE_SHARED_DIR;

// tools/goldens/make_text.py: what transformers makes of hostile texts with small tokenizers of every layout.
class GoldenTest : public testing::TestWithParam<std::string> {
 protected:
  const std::filesystem::path folder = kGolden / GetParam();
  const std::vector<std::string> texts = read_json_file(kGolden / "texts.json").get<std::vector<std::string>>();
  const Json expected = read_json_file(folder / "expected.json");
  const std::unique_ptr<const Tokenizer> tokenizer = open_tokenizer(folder);

  std::string tokens(const Ids& ids) const {
    std::string all;
    for (const TokenId id : ids) all += tokenizer->token(id) + "|";
    return all;
  }
};

TEST_P(GoldenTest, IdsOfWhatAUserTyped) {
  const std::vector<std::size_t> leaks = expected["leaks"].get<std::vector<std::size_t>>();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (std::find(leaks.begin(), leaks.end(), i) != leaks.end()) {  // the reference makes special tokens of this text
      for (const TokenId id : tokenizer->encode(texts[i], {.add_special_tokens = false})) {
        EXPECT_TRUE(!tokenizer->is_special(id) || id == tokenizer->special_tokens().unk) << texts[i];
      }
      continue;
    }
    const Ids ids = tokenizer->encode(texts[i]), want = expected["ids"][i].get<Ids>();
    EXPECT_EQ(ids, want) << i << ": " << Json(texts[i]) << "\n" << tokens(ids) << "\n" << tokens(want);
  }
}

TEST_P(GoldenTest, IdsWithSpecialTokensParsed) {
  if (!expected.contains("special_ids")) GTEST_SKIP() << "the slow tokenizer differs there";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto special = expected["special_ids"].find(std::to_string(i));
    const Ids want = (special == expected["special_ids"].end() ? expected["ids"][i] : *special).get<Ids>();
    const Ids ids = tokenizer->encode(texts[i], {.parse_special = true});
    EXPECT_EQ(ids, want) << i << ": " << Json(texts[i]) << "\n" << tokens(ids) << "\n" << tokens(want);
  }
}

TEST_P(GoldenTest, CutKeepsTheEndToken) {
  for (const auto& [index, want] : expected["cut_to_9"].items()) {
    EXPECT_EQ(tokenizer->encode(texts[std::stoul(index)], {.max_length = 9}), want.get<Ids>()) << index;
  }
}

TEST_P(GoldenTest, Decodes) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Ids ids = expected["ids"][i].get<Ids>();
    EXPECT_EQ(tokenizer->decode(ids), expected["decoded"][i].get<std::string>()) << i << ": " << Json(texts[i]);
  }
  if (!expected.contains("special_ids")) return;
  for (const auto& [index, want] : expected["special_decoded"].items()) {
    const auto special = expected["special_ids"].find(index);
    const Json& ids = special == expected["special_ids"].end() ? expected["ids"][std::stoul(index)] : *special;
    EXPECT_EQ(tokenizer->decode(ids.get<Ids>(), false), want.get<std::string>()) << index;
  }
}

TEST_P(GoldenTest, VocabularyIsItsOwnInverse) {
  for (TokenId id = 0; id < tokenizer->vocabulary_size(); ++id) {
    const std::string token = tokenizer->token(id);
    if (!token.empty()) {
      EXPECT_EQ(tokenizer->id(token), id) << token;
    }
  }
  EXPECT_EQ(tokenizer->token(-1), "");
  EXPECT_EQ(tokenizer->token(tokenizer->vocabulary_size()), "");
  EXPECT_EQ(tokenizer->id("\x01 no such token"), -1);
  EXPECT_EQ(tokenizer->decode(Ids{-1, tokenizer->vocabulary_size()}), "");
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGolden)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// ../shared holds CLIP's vocabulary as OpenAI published it, and the ids of 2,500 captions.
class SharedClipTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path packed = kShared / "tokenizers" / "bpe_simple_vocab_16e6.txt.gz";
    if (!std::filesystem::exists(packed)) GTEST_SKIP() << packed << " is absent";
    folder_ = std::filesystem::temp_directory_path() / ("gaze-clip-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    write_clip_files(unpack(packed));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string unpack(const std::filesystem::path& path) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(("zcat '" + path.string() + "'").c_str(), "r"), ::pclose);
    std::string text;
    for (int c = 0; (c = std::fgetc(pipe.get())) != EOF;) text += static_cast<char>(c);
    return text;
  }

  // The layout of the hub: the alphabet, the same as ends of words, what the merges make, the two special tokens.
  void write_clip_files(const std::string& text) const {
    std::vector<std::string> alphabet;
    for (char32_t byte = 0; byte < 256; ++byte) {  // in the order of their characters
      if (byte_alphabet()[byte] == byte) append_utf8(alphabet.emplace_back(), byte);
    }
    for (char32_t byte = 0; byte < 256; ++byte) {
      if (byte_alphabet()[byte] != byte) append_utf8(alphabet.emplace_back(), byte_alphabet()[byte]);
    }
    int id = 0;
    std::string json = "{", merges = "#version: 0.2\n";
    const auto add = [&](const std::string& token) {
      if (id > 0) json += ',';
      json.append(Json(token).dump()).append(":").append(std::to_string(id++));
    };
    for (const std::string& c : alphabet) add(c);
    for (const std::string& c : alphabet) add(c + "</w>");
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    for (int count = 0; count < 49152 - 256 - 2 && std::getline(lines, line); ++count) {
      const std::size_t space = line.find(' ');
      add(line.substr(0, space) + line.substr(space + 1));
      merges += line + "\n";
    }
    add("<|startoftext|>");
    add("<|endoftext|>");
    write_file_atomically(folder_ / "vocab.json", json + "}");
    write_file_atomically(folder_ / "merges.txt", merges);
  }

  std::filesystem::path folder_;
};

TEST_F(SharedClipTest, IdsOfAllCaptions) {
  const std::unique_ptr<const Tokenizer> tokenizer = open_tokenizer(folder_);
  EXPECT_EQ(tokenizer->vocabulary_size(), 49408);
  std::ifstream file(kShared / "tokenizers" / "clip-token-ids.tsv");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    const std::size_t tab = line.find('\t');
    std::istringstream numbers(line.substr(tab + 1));
    const Ids want{std::istream_iterator<TokenId>(numbers), {}};
    EXPECT_EQ(tokenizer->encode(line.substr(0, tab)), want) << line;
  }
  EXPECT_EQ(lines, 2500);
  EXPECT_EQ(tokenizer->encode("a photo of an astronaut riding a horse on mars"),
            (Ids{49406, 320, 1125, 539, 550, 18376, 6765, 320, 4558, 525, 7496, 49407}));
}

INSTANTIATE_TEST_SUITE_P(Text, GoldenTest, testing::ValuesIn(golden_names()),
                         [](const auto& golden) { return golden.param; });

}  // namespace
}  // namespace gaze
