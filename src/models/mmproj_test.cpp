// Files with the eyes of GGUF models, damaged: each can be used or is refused, and says what is wrong with it.
#include "models/mmproj.h"

#include <cstring>

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "models/chat_models.h"
#include "models/testing.h"

namespace gaze {
namespace {

using testing::golden;

struct Eyes {
  const char* model;
  const char* file;
  const char* projector;           // a word of a tensor's name, and what becomes of it
  const char* position_embedding;  // in messages
};

class Mmproj : public ::testing::TestWithParam<Eyes> {
 protected:
  void SetUp() override { set_language(Language::english); }

  void open(const std::string& bytes) const {
    const auto memory = std::make_shared<const std::string>(bytes);
    open_mmproj({std::as_bytes(std::span(memory->data(), memory->size())), memory, "forged"}, model_->config(),
                model_->tokenizer(), Precision::f32);
  }
  // The number that stands under a key.
  std::string with(const std::string& key, const auto& value) const {
    const std::size_t found = whole_.find(key);
    EXPECT_NE(found, std::string::npos) << key;
    std::string changed = whole_;
    std::memcpy(changed.data() + found + key.size() + sizeof(std::uint32_t), &value, sizeof(value));
    return changed;
  }
  std::string renamed(const std::string& word, const std::string& other) const {
    std::string changed = whole_;
    EXPECT_NE(changed.find(word), std::string::npos) << word;
    for (std::size_t at; (at = changed.find(word)) != std::string::npos;) changed.replace(at, word.size(), other);
    return changed;
  }

  const std::unique_ptr<const llama::ChatModel> model_ = load_chat_model(golden(GetParam().model), Precision::f32);
  const std::string whole_ = read_text_file(golden(GetParam().file), MiB);
};
INSTANTIATE_TEST_SUITE_P(
    Kinds, Mmproj,
    ::testing::Values(Eyes{"llava/plain.gguf", "llava/plain-mmproj.gguf", "mm.2.", "position_embedding"},
                      Eyes{"idefics3.gguf", "idefics3-mmproj.gguf", "mm.model.fc.", "position_embedding"}));

TEST_P(Mmproj, ForgedIsRefused) {
  ASSERT_NO_THROW(open(whole_));
  std::vector<std::pair<std::string, const char*>> cases;
  for (const auto& [key, name] : {std::pair{"clip.vision.image_size", "image_size"},
                                  {"clip.vision.patch_size", "patch_size"},
                                  {"clip.vision.block_count", "num_hidden_layers"},
                                  {"clip.vision.embedding_length", "hidden_size"},
                                  {"clip.vision.feed_forward_length", "intermediate_size"},
                                  {"clip.vision.attention.head_count", "num_attention_heads"}}) {
    for (const std::uint32_t value : {0u, 0xFFFFFFFFu, 0x7FFFFFFFu}) cases.emplace_back(with(key, value), name);
    for (const std::uint32_t value : {1u << 14, 997u}) cases.emplace_back(with(key, value), "");
  }
  cases.emplace_back(with("clip.vision.block_count", 3u), "encoder.layers.2");
  cases.emplace_back(with("clip.vision.block_count", 1u), "encoder.layers.1");
  cases.emplace_back(with("clip.vision.image_size", 36u), GetParam().position_embedding);
  cases.emplace_back(with("clip.vision.image_size", 48u), GetParam().position_embedding);
  cases.emplace_back(with("clip.vision.patch_size", 4u), "patch_embedding");
  cases.emplace_back(with("clip.vision.attention.head_count", 7u), "num_attention_heads");
  cases.emplace_back(renamed(GetParam().projector, std::string(std::strlen(GetParam().projector) - 1, 'x') + "."),
                     "xx");
  cases.emplace_back(renamed("blk.1", "blk.x"), "layers.x");
  cases.emplace_back(renamed("attn_k", "attn_q"), "twice");
  cases.emplace_back(renamed("ln1", "ln2"), "twice");
  for (const char* key : {"clip.vision.image_mean", "clip.vision.image_std", "clip.vision.image_size",
                          "clip.vision.attention.layer_norm_epsilon"}) {
    std::string other = key;
    other.back() = '_';
    cases.emplace_back(renamed(key, other), key);
  }
  cases.emplace_back(renamed("GGUF", "GGML"), "");
  cases.emplace_back(read_text_file(golden("llava/plain.gguf"), MiB), "llama");
  EXPECT_GE(cases.size(), 45u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    try {
      open(cases[i].first);
      ADD_FAILURE() << i << " " << cases[i].second;
    } catch (const Error& error) {
      EXPECT_THAT(error.code(), ::testing::AnyOf(ErrorCode::bad_weights, ErrorCode::unsupported_model)) << i;
      EXPECT_THAT(error.message(), ::testing::HasSubstr(cases[i].second)) << i;
      EXPECT_THAT(error.message(), ::testing::HasSubstr("forged")) << i;
    }
  }
}

// All that stands before the numbers: eyes that can be used, or a refusal.
TEST_P(Mmproj, IsHarmlessCutAndWithEveryBitFlipped) {
  const auto attempt = [this](const std::string& bytes) {
    try {
      open(bytes);
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << error.message();
    }
  };
  std::size_t head = 0;  // the last tensor's name, and its place
  for (const char* name : {"mm.", "v.blk.", "v.p"}) head = std::max(head, whole_.rfind(name));
  head += 64;
  ASSERT_LT(head, whole_.size());
  for (std::size_t length = 0; length < head; ++length) attempt(whole_.substr(0, length));
  std::string changed = whole_;
  for (std::size_t bit = 0; bit < head * 8; ++bit) {
    const char flip = static_cast<char>(1 << (bit % 8));
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ flip);
    attempt(changed);
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ flip);
  }
}

TEST(MmprojFiles, BelongToAGgufFileWithTheirMarks) {
  for (const auto& [path, eyes, code] :
       {std::tuple{"llava/plain", "llava/plain-mmproj.gguf", ErrorCode::usage},
        {"llava/plain-mmproj.gguf", "llava/plain-mmproj.gguf", ErrorCode::unsupported_model},
        {"llava/plain.gguf", "llava/plain.gguf", ErrorCode::unsupported_model},
        {"llama/plain.gguf", "idefics3-mmproj.gguf", ErrorCode::bad_weights},
        {"llava/plain.gguf", "llava/none.gguf", ErrorCode::not_found}}) {
    try {
      load_chat_model(golden(path), Precision::f32, golden(eyes));
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.message();
    }
  }
}

}  // namespace
}  // namespace gaze
