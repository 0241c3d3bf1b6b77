#include "text/stream_decoder.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "text/unicode.h"

namespace gaze {
namespace {

class StreamDecoderTest : public testing::TestWithParam<const char*> {
 protected:
  const std::filesystem::path golden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests" / "golden" / "text";
  const std::unique_ptr<const Tokenizer> tokenizer = open_tokenizer(golden / GetParam());
  const std::vector<std::string> texts = read_json_file(golden / "texts.json").get<std::vector<std::string>>();

  // Checks on the way that no piece is half a character.
  std::string stream(const std::vector<TokenId>& ids) const {
    StreamDecoder decoder(*tokenizer);
    std::string all;
    for (const TokenId id : ids) {
      const std::string piece = decoder.push(id);
      EXPECT_TRUE(is_valid_utf8(piece));
      all += piece;
    }
    return all + decoder.finish();
  }
};

TEST_P(StreamDecoderTest, IsDecodeInPieces) {
  for (const std::string& text : texts) {
    if (text == "\uFFFD\uFFFD") continue;  // spelled in bytes it looks like broken characters
    const std::vector<TokenId> ids = tokenizer->encode(text);
    EXPECT_EQ(stream(ids), tokenizer->decode(ids)) << Json(text);
  }
}

TEST_P(StreamDecoderTest, HoldsBackIncompleteCharacters) {
  const std::vector<TokenId> ids = tokenizer->encode("🦜", {.add_special_tokens = false});
  ASSERT_GE(ids.size(), 4u);  // its bytes
  StreamDecoder decoder(*tokenizer);
  std::string before;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) before += decoder.push(ids[i]);
  EXPECT_EQ(before.find("\uFFFD"), std::string::npos);
  EXPECT_EQ(before + decoder.push(ids.back()), tokenizer->decode(ids));

  // An answer that ends within a character, and one that is nothing but halves of characters.
  decoder.push(ids.back());
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
  const std::vector<TokenId> broken(100, ids.back());
  std::string replacements;
  for (int i = 0; i < 100; ++i) replacements += "\uFFFD";
  EXPECT_EQ(stream(broken), replacements);
}

TEST_P(StreamDecoderTest, LeavesSpecialTokensOut) {
  const TokenId eos = tokenizer->special_tokens().eos;
  ASSERT_GE(eos, 0);
  std::vector<TokenId> ids = tokenizer->encode("two words", {.add_special_tokens = false});
  const std::string plain = tokenizer->decode(ids);
  ids.insert(ids.begin() + 1, 3, eos);
  EXPECT_EQ(stream(ids), plain);
}

INSTANTIATE_TEST_SUITE_P(Text, StreamDecoderTest,
                         testing::Values("gemma", "llama3", "llama_json", "llama_model", "llama_model_new", "smollm2"));

}  // namespace
}  // namespace gaze
