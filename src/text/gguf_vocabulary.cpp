#include "text/gguf_vocabulary.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/bpe.h"
#include "text/pipeline.h"
#include "text/sentencepiece_bpe.h"
#include "text/unicode.h"

namespace gaze {
namespace {

using PieceType = SentencePieceModel::PieceType;

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

[[noreturn]] void throw_broken(const std::string& origin, std::string_view key) {
  throw Error(ErrorCode::bad_weights, message("{}: \"{}\" is missing or broken", origin, key));
}

void add_token(AddedToken token, Vocabulary& vocabulary, TokenizerParts& parts) {
  if (token.special) vocabulary.mark_special(token.id);
  parts.added_tokens.push_back(std::move(token));
}

// How the tokenizer.json of the family splits a text; llama.cpp's names.
void set_pre_tokenizers(const std::string& pre, const std::string& origin, TokenizerParts& parts,
                        BpeSettings& settings) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), pre) != names.end();
  };
  if (is_one_of({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"})) {
    parts.pre_tokenizers.push_back(digits_pre_tokenizer(true));
    parts.pre_tokenizers.push_back(byte_level_pre_tokenizer(false, true));
  } else if (is_one_of({"gpt-2", "gpt2", ""})) {
    parts.pre_tokenizers.push_back(byte_level_pre_tokenizer(false, true));
  } else if (is_one_of({"llama-bpe", "llama3", "llama-v3", "qwen2"})) {
    const bool is_qwen = pre == "qwen2";
    parts.pre_tokenizers.push_back(
        split_pre_tokenizer(regex_pattern(is_qwen ? kQwen2 : kLlama3, origin), SplitBehavior::isolated, false));
    parts.pre_tokenizers.push_back(byte_level_pre_tokenizer(false, false));
    if (is_qwen) parts.normalizers.push_back(unicode_normalizer(NormalForm::nfc));
    settings.ignore_merges = !is_qwen;
  } else {
    throw Error(ErrorCode::unsupported_model,
                message("{}: the {} \"{}\" is not supported", origin, "tokenizer.ggml.pre", pre));
  }
}

SentencePieceModel to_sentencepiece(const GgufVocabulary& gguf, const std::string& origin) {
  SentencePieceModel model;
  model.type = SentencePieceModel::Type::bpe;
  int unknown = 0;
  for (std::size_t id = 0; id < gguf.tokens.size(); ++id) {
    SentencePieceModel::Piece piece = {gguf.tokens[id], gguf.scores.empty() ? 0 : gguf.scores[id], PieceType::normal};
    if (piece.text.empty() || !is_valid_utf8(piece.text)) throw_broken(origin, "tokenizer.ggml.tokens");
    if (!gguf.token_types.empty()) piece.type = static_cast<PieceType>(gguf.token_types[id]);
    if (piece.type == PieceType::unknown) {
      model.unk_id = static_cast<int>(id);
      ++unknown;
    }
    model.byte_fallback = model.byte_fallback || piece.type == PieceType::byte;
    model.pieces.push_back(std::move(piece));
  }
  if (unknown != 1) throw_broken(origin, "tokenizer.ggml.token_type");
  return model;
}

// LLaMA: as LlamaConverter's legacy rules, which published tokenizer.json files and llama.cpp share.
void set_sentencepiece(const GgufVocabulary& gguf, const std::string& origin,
                       const std::shared_ptr<Vocabulary>& vocabulary, TokenizerParts& parts) {
  if (gguf.scores.size() != gguf.tokens.size()) throw_broken(origin, "tokenizer.ggml.scores");
  const SentencePieceModel model = to_sentencepiece(gguf, origin);
  for (AddedToken& token : added_tokens(model)) add_token(std::move(token), *vocabulary, parts);
  if (gguf.add_space_prefix) parts.normalizers.push_back(prepend_normalizer("\u2581"));
  parts.normalizers.push_back(replace_normalizer(literal_pattern(" "), "\u2581"));
  parts.model = make_token_model(model, vocabulary);
  parts.decoders.push_back(replace_decoder(literal_pattern("\u2581"), " "));
  parts.decoders.push_back(byte_fallback_decoder());
  parts.decoders.push_back(fuse_decoder());
  if (gguf.add_space_prefix) parts.decoders.push_back(strip_decoder(" ", 1, 0));
}

void set_byte_level(const GgufVocabulary& gguf, const std::string& origin,
                    const std::shared_ptr<Vocabulary>& vocabulary, TokenizerParts& parts) {
  for (std::size_t id = 0; id < gguf.token_types.size(); ++id) {
    const auto type = static_cast<PieceType>(gguf.token_types[id]);
    const bool special = type == PieceType::control || type == PieceType::unknown;
    if (!special && type != PieceType::user_defined) continue;
    add_token({.content = gguf.tokens[id], .id = static_cast<TokenId>(id), .special = special}, *vocabulary, parts);
  }
  Merges merges;
  merges.reserve(gguf.merges.size(), gguf.merges.size() * 8);
  for (const std::string& merge : gguf.merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos || !is_valid_utf8(merge)) throw_broken(origin, "tokenizer.ggml.merges");
    const std::string_view text = merge;
    merges.add(text.substr(0, space), text.substr(space + 1));
  }
  BpeSettings settings;
  set_pre_tokenizers(gguf.pre, origin, parts, settings);
  parts.model = std::make_unique<Bpe>(vocabulary, merges, std::move(settings));
  parts.decoders.push_back(byte_level_decoder());
}

}  // namespace

std::unique_ptr<const Tokenizer> make_gguf_tokenizer(const GgufVocabulary& gguf, const std::string& origin) {
  if (!gguf.token_types.empty() && gguf.token_types.size() != gguf.tokens.size()) {
    throw_broken(origin, "tokenizer.ggml.token_type");
  }
  for (const std::int32_t type : gguf.token_types) {
    if (type < 1 || type > 6) throw_broken(origin, "tokenizer.ggml.token_type");
  }
  const auto vocabulary = std::make_shared<Vocabulary>(origin);
  vocabulary->reserve(gguf.tokens.size());
  for (std::size_t id = 0; id < gguf.tokens.size(); ++id) {
    if (!is_valid_utf8(gguf.tokens[id])) throw_broken(origin, "tokenizer.ggml.tokens");
    vocabulary->add(gguf.tokens[id], static_cast<std::int64_t>(id));
  }

  TokenizerParts parts;
  parts.vocabulary = vocabulary;
  parts.special_tokens = {.bos = gguf.bos, .eos = gguf.eos, .unk = gguf.unk, .pad = gguf.pad};
  for (const TokenId id : {gguf.bos, gguf.eos, gguf.unk, gguf.pad}) {
    if (id == -1) continue;
    if (!vocabulary->contains(id)) throw_broken(origin, "tokenizer.ggml.bos_token_id");
    add_token({.content = std::string(vocabulary->token(id)), .id = id, .special = true}, *vocabulary, parts);
  }
  if (gguf.model == "llama") {
    set_sentencepiece(gguf, origin, vocabulary, parts);
  } else if (gguf.model == "gpt2") {
    set_byte_level(gguf, origin, vocabulary, parts);
  } else {
    throw Error(ErrorCode::unsupported_model,
                message("{}: the {} \"{}\" is not supported", origin, "tokenizer.ggml.model", gguf.model));
  }
  if (gguf.add_bos && gguf.bos >= 0) parts.prefix.push_back(gguf.bos);
  if (gguf.add_eos && gguf.eos >= 0) parts.suffix.push_back(gguf.eos);
  return make_tokenizer(std::move(parts));
}

}  // namespace gaze
