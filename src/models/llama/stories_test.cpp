// A real trained model: stories260K (karpathy/tinyllamas, MIT) tells its published text, token for token.
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/limits.h"
#include "generate/generate.h"
#include "models/llama/decoder.h"
#include "text/gguf_vocabulary.h"
#include "weights/tensor_table.h"
#include "weights/views.h"
#include "weights/weight_file.h"

namespace gaze::llama {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(GAZE_SHARED_DIR) / "tokenizers";

struct Stories {
  Config config;
  std::shared_ptr<const WeightSource> weights;
};

// llama2.c's legacy layout: seven whole numbers, then float32 matrices of one kind for all layers after each other.
Stories read_stories() {
  const WeightFile file = map_weight_file(kFolder / "stories260K.bin");
  ByteReader reader(file.bytes, file.origin);
  std::int64_t header[7];
  for (std::int64_t& number : header) number = reader.number<std::int32_t>();
  const auto [dim, hidden, layers, heads, key_heads, vocabulary, positions] = header;
  const Json json{{"hidden_size", dim},
                  {"intermediate_size", hidden},
                  {"num_hidden_layers", layers},
                  {"num_attention_heads", heads},
                  {"num_key_value_heads", key_heads},
                  {"vocab_size", vocabulary},
                  {"max_position_embeddings", positions},
                  {"rms_norm_eps", 1e-5},
                  {"tie_word_embeddings", true}};
  Stories stories{parse_config({json, file.origin}), nullptr};
  stories.config.rotary_pairs = RotaryPairs::adjacent;

  std::vector<StoredTensor> tensors;
  const auto take = [&](const std::string& name, Shape shape) {
    const auto bytes = static_cast<std::uint64_t>(shape.elements()) * sizeof(float);
    StoredTensor stored;
    stored.info = {name, DType::f32, shape};
    stored.bytes = reader.take(bytes);
    tensors.push_back(std::move(stored));
  };
  const auto take_layers = [&](const std::string& name, Shape shape) {
    for (int i = 0; i < layers; ++i) take("model.layers." + std::to_string(i) + "." + name + ".weight", shape);
  };
  const std::int64_t key_width = stories.config.key_width();
  take("model.embed_tokens.weight", {vocabulary, dim});
  take_layers("input_layernorm", {dim});
  take_layers("self_attn.q_proj", {dim, dim});
  take_layers("self_attn.k_proj", {key_width, dim});
  take_layers("self_attn.v_proj", {key_width, dim});
  take_layers("self_attn.o_proj", {dim, dim});
  take_layers("post_attention_layernorm", {dim});
  take_layers("mlp.gate_proj", {hidden, dim});
  take_layers("mlp.down_proj", {dim, hidden});
  take_layers("mlp.up_proj", {hidden, dim});
  take("model.norm.weight", {dim});
  stories.weights = std::make_shared<TensorTable>(std::move(tensors), file);
  return stories;
}

std::unique_ptr<const Tokenizer> read_tokenizer() {
  const WeightFile file = map_weight_file(kFolder / "tok512.bin");
  ByteReader reader(file.bytes, file.origin);
  GgufVocabulary vocabulary{.model = "llama", .bos = 1, .eos = 2, .unk = 0, .add_bos = true};
  reader.number<std::int32_t>();  // the longest token
  while (reader.remaining() > 0) {
    vocabulary.scores.push_back(reader.number<float>());
    const auto length = reader.number<std::int32_t>();
    std::string token(reader.text(static_cast<std::uint64_t>(length)));
    const std::size_t id = vocabulary.tokens.size();
    const bool byte = id >= 3 && id < 259;
    vocabulary.token_types.push_back(id == 0 ? 2 : id < 3 ? 3 : byte ? 6 : 1);
    // Spaces as SentencePiece writes them.
    std::string written;
    for (const char c : token) written += c == ' ' ? std::string("\u2581") : std::string(1, c);
    if (id == 1) written = "<s>";
    if (id == 2) written = "</s>";
    vocabulary.tokens.push_back(byte ? token : written);
  }
  return make_gguf_tokenizer(vocabulary, file.origin);
}

std::string tell(const Stories& stories, const WeightScope& scope) {
  const TextModel model(scope / "model", scope / "lm_head", stories.config);
  TextDecoder decoder(model, 128);
  const std::vector<std::vector<TokenId>> prompts{{1}};
  return read_tokenizer()->decode(generate(decoder, prompts, {.max_length = 96, .eos_token_ids = {1, 2}})[0][0].ids);
}

TEST(Stories, AreToldAsPublished) {
  if (!std::filesystem::exists(kFolder / "stories260K.bin")) GTEST_SKIP() << kFolder << " is not there";
  const Stories stories = read_stories();
  const std::string published =
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
      "big, red ball. She wanted to play with it, but it was too high.";
  const std::string told = tell(stories, {stories.weights, Precision::f32});
  EXPECT_EQ(told.substr(0, published.size()), published);
  // The same model in 8 bits says the same.
  const auto quantised = with_q8_blocks(stories.weights);
  EXPECT_EQ(tell(stories, {quantised, Precision::f32}).substr(0, published.size()), published);
}

}  // namespace
}  // namespace gaze::llama
