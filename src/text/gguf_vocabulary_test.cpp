#include "text/gguf_vocabulary.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/sentencepiece_model.h"

namespace gaze {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(GAZE_SOURCE_DIR) / "tests" / "golden" / "text";

// What a converter writes of a LLaMA tokenizer.model.
GgufVocabulary from_sentencepiece(const std::filesystem::path& file) {
  const SentencePieceModel model = parse_sentencepiece_model(read_text_file(file, 1 << 24), "model");
  GgufVocabulary gguf{.model = "llama", .bos = 1, .eos = 2, .unk = 0, .add_bos = true};
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    gguf.tokens.push_back(piece.text);
    gguf.scores.push_back(piece.score);
    gguf.token_types.push_back(static_cast<int>(piece.type));
  }
  return gguf;
}

// What a converter writes of a byte-level tokenizer.json whose first ids are its special tokens.
GgufVocabulary from_tokenizer_json(const std::filesystem::path& file, const char* pre, int specials) {
  const Json model = read_json_file(file)["model"];
  GgufVocabulary gguf{.model = "gpt2", .pre = pre};
  gguf.tokens.resize(model["vocab"].size());
  for (const auto& [token, id] : model["vocab"].items()) gguf.tokens[id.get<std::size_t>()] = token;
  for (std::size_t id = 0; id < gguf.tokens.size(); ++id)
    gguf.token_types.push_back(id < std::size_t(specials) ? 3 : 1);
  for (const Json& merge : model["merges"]) {
    gguf.merges.push_back(merge.is_string() ? merge.get<std::string>()
                                            : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  return gguf;
}

void expect_same(const Tokenizer& ours, const Tokenizer& other) {
  EXPECT_EQ(ours.vocabulary_size(), other.vocabulary_size());
  for (const Json& entry : read_json_file(kGolden / "texts.json")) {
    const std::string text = entry.get<std::string>();
    for (const bool special : {false, true}) {
      const EncodeOptions options = {.parse_special = special};
      const std::vector<TokenId> ids = ours.encode(text, options);
      EXPECT_EQ(ids, other.encode(text, options)) << entry;
      EXPECT_EQ(ours.decode(ids), other.decode(ids)) << entry;
    }
  }
}

TEST(GgufVocabularyTest, SameIdsAsTokenizerModel) {
  const GgufVocabulary gguf = from_sentencepiece(kGolden / "llama_model" / "tokenizer.model");
  expect_same(*make_gguf_tokenizer(gguf, "x.gguf"), *open_tokenizer(kGolden / "llama_model"));
}

TEST(GgufVocabularyTest, SameIdsAsTokenizerJson) {
  GgufVocabulary smollm = from_tokenizer_json(kGolden / "smollm2" / "tokenizer.json", "smollm", 3);
  smollm.bos = 1;
  smollm.eos = smollm.pad = 2;
  smollm.unk = 0;
  expect_same(*make_gguf_tokenizer(smollm, "x.gguf"), *open_tokenizer(kGolden / "smollm2"));

  GgufVocabulary llama = from_tokenizer_json(kGolden / "llama3" / "tokenizer.json", "llama-bpe", 2);
  llama.bos = 0;
  llama.add_bos = true;
  expect_same(*make_gguf_tokenizer(llama, "x.gguf"), *open_tokenizer(kGolden / "llama3"));
}

TEST(GgufVocabularyTest, RefusesArraysThatContradictEachOther) {
  const GgufVocabulary llama = from_sentencepiece(kGolden / "llama_model" / "tokenizer.model");
  const GgufVocabulary smollm = from_tokenizer_json(kGolden / "smollm2" / "tokenizer.json", "smollm", 3);
  const auto expect_refused = [](GgufVocabulary gguf, auto change, ErrorCode code) {
    change(gguf);
    try {
      make_gguf_tokenizer(gguf, "x.gguf");
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.message();
      EXPECT_NE(error.message().find("x.gguf"), std::string::npos) << error.message();
    }
  };
  using Gguf = GgufVocabulary;
  expect_refused(
      llama, [](Gguf& g) { g.scores.pop_back(); }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.token_types.pop_back(); }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.token_types[5] = 77; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.token_types[0] = 1; }, ErrorCode::bad_weights);  // no unknown token
  expect_refused(
      llama, [](Gguf& g) { g.tokens[300] = g.tokens[301]; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.tokens[300] = "\xFF"; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.tokens[300] = ""; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.bos = 1 << 20; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.eos = -7; }, ErrorCode::bad_weights);
  expect_refused(
      llama, [](Gguf& g) { g.model = "rwkv"; }, ErrorCode::unsupported_model);
  expect_refused(
      llama, [](Gguf& g) { g = Gguf{.model = "llama"}; }, ErrorCode::bad_weights);
  expect_refused(
      smollm, [](Gguf& g) { g.merges[3] = "nospace"; }, ErrorCode::bad_weights);
  expect_refused(
      smollm, [](Gguf& g) { g.merges[3] = "no such"; }, ErrorCode::bad_weights);
  expect_refused(
      smollm, [](Gguf& g) { g.pre = "unheard-of"; }, ErrorCode::unsupported_model);
}

}  // namespace
}  // namespace gaze
