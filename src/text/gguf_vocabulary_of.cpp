#include "text/gguf_vocabulary_of.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/sentencepiece_model.h"

namespace gaze {
namespace {

namespace fs = std::filesystem;
using PieceType = SentencePieceModel::PieceType;

constexpr float kNoScore = -1000;  // of tokens that no merge makes

[[noreturn]] void throw_unsupported(const fs::path& file, const std::string& what) {
  throw Error(ErrorCode::unsupported_model, message("{}: GGUF files have no form for its {}", display(file), what),
              message("supported: {}", "LLaMA's SentencePiece; byte-level BPE of GPT-2, SmolLM, Llama 3, Qwen2"));
}

// llama.cpp's name for how a byte-level tokenizer splits a text.
std::string split_of(const Json& tokenizer, const fs::path& file) {
  const Json pre = tokenizer.value("pre_tokenizer", Json());
  const std::string text = pre.dump();
  if (text.find(R"(\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+)") != std::string::npos) return "llama-bpe";
  if (text.find(R"(\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+)") != std::string::npos) return "qwen2";
  const bool digits = text.find(R"("Digits")") != std::string::npos,
             bytes = text.find(R"("ByteLevel")") != std::string::npos;
  if (text.find(R"("Split")") != std::string::npos || !bytes) throw_unsupported(file, "pre_tokenizer");
  return digits ? "smollm" : "gpt-2";
}

std::string merge_text(const Json& merge) {
  if (merge.is_string()) return merge.get<std::string>();
  return merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()
             ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
             : std::string();
}

void add_merges(const Json& tokenizer, const fs::path& file, const Tokenizer& own, GgufVocabulary& vocabulary) {
  const Json model = tokenizer.value("model", Json::object());
  if (!model.is_object() || model.value("type", Json("BPE")) != "BPE" || !model.contains("merges")) {
    throw_unsupported(file, "model");
  }
  const bool by_bytes = tokenizer.value("pre_tokenizer", Json()).dump().find(R"("ByteLevel")") != std::string::npos;
  const bool is_llama = !by_bytes && model.value("byte_fallback", Json(false)) == true;
  vocabulary.model = is_llama ? "llama" : "gpt2";
  if (!is_llama) vocabulary.pre = split_of(tokenizer, file);
  if (is_llama) vocabulary.scores.assign(vocabulary.tokens.size(), kNoScore);
  float score = 0;
  for (const Json& each : model["merges"]) {
    std::string merge = merge_text(each);
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos) throw_unsupported(file, "merges");
    if (!is_llama) {
      vocabulary.merges.push_back(std::move(merge));
      continue;
    }
    // SentencePiece joins what makes the piece of the highest score: the merges' order, once each.
    const TokenId id = own.id(merge.erase(space, 1));
    if (id < 0 || id >= std::ssize(vocabulary.scores)) continue;
    float& own_score = vocabulary.scores[static_cast<std::size_t>(id)];
    if (own_score == kNoScore) own_score = score -= 1;
  }
  if (!is_llama) return;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    if (token.size() == 6 && token.starts_with("<0x") && token.ends_with(">")) {
      vocabulary.token_types[id] = static_cast<std::int32_t>(PieceType::byte);
    }
  }
  const TokenId unknown = vocabulary.unk;
  if (unknown >= 0)
    vocabulary.token_types[static_cast<std::size_t>(unknown)] = static_cast<std::int32_t>(PieceType::unknown);
}

void add_pieces(const fs::path& file, GgufVocabulary& vocabulary) {
  const SentencePieceModel model =
      parse_sentencepiece_model(read_text_file(file, limits().vocabulary_bytes), display(file));
  if (model.type != SentencePieceModel::Type::bpe) throw_unsupported(file, "model");
  vocabulary.model = "llama";
  vocabulary.scores.assign(vocabulary.tokens.size(), kNoScore);
  for (std::size_t id = 0; id < std::min(model.pieces.size(), vocabulary.tokens.size()); ++id) {
    vocabulary.scores[id] = model.pieces[id].score;
    vocabulary.token_types[id] = static_cast<std::int32_t>(model.pieces[id].type);
  }
}

}  // namespace

GgufVocabulary gguf_vocabulary_of(const fs::path& folder, const Tokenizer& tokenizer, int size) {
  GgufVocabulary vocabulary;
  const SpecialTokens& special = tokenizer.special_tokens();
  vocabulary.bos = special.bos, vocabulary.eos = special.eos, vocabulary.unk = special.unk,
  vocabulary.pad = special.pad;
  for (TokenId id = 0; id < size; ++id) {
    const std::string token = tokenizer.token(id);
    const PieceType type = token.empty()              ? PieceType::unused
                           : tokenizer.is_special(id) ? PieceType::control
                                                      : PieceType::normal;
    vocabulary.tokens.push_back(token.empty() ? fmt::format("[PAD{}]", id) : token);
    vocabulary.token_types.push_back(static_cast<std::int32_t>(type));
  }
  std::error_code ignored;
  if (const fs::path file = folder / "tokenizer.model"; fs::is_regular_file(file, ignored)) {
    add_pieces(file, vocabulary);
  } else {
    const fs::path json = folder / "tokenizer.json";
    add_merges(read_json_file(json), json, tokenizer, vocabulary);
  }
  const std::vector<TokenId> nothing = tokenizer.encode("");
  vocabulary.add_bos = !nothing.empty() && nothing.front() == vocabulary.bos && vocabulary.bos >= 0;
  vocabulary.add_eos =
      !nothing.empty() && nothing.back() == vocabulary.eos && nothing.size() > (vocabulary.add_bos ? 1U : 0U);
  const std::vector<TokenId> word = tokenizer.encode("a", {.add_special_tokens = false});
  vocabulary.add_space_prefix = !word.empty() && tokenizer.token(word.front()).starts_with("\u2581");
  return vocabulary;
}

}  // namespace gaze
