// The loader of SentencePiece models, for the classes of transformers that use them.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/assembly.h"
#include "text/sentencepiece_bpe.h"
#include "text/sentencepiece_model.h"
#include "text/text_rules.h"

namespace gaze {
namespace {

void add_sentencepiece_decoders(TokenizerParts& parts) {
  parts.decoders.push_back(replace_decoder(literal_pattern("\u2581"), " "));
  parts.decoders.push_back(byte_fallback_decoder());
  parts.decoders.push_back(fuse_decoder());
}

// LlamaConverter: spaces are "▁"; one stands before the text (`legacy`: before every text between added tokens).
void set_llama_rules(const TokenizerConfig& config, TokenizerParts& parts) {
  const bool prefix = config.flag("add_prefix_space").value_or(true);
  if (config.flag("legacy").value_or(true)) {
    if (prefix) parts.normalizers.push_back(prepend_normalizer("\u2581"));
    parts.normalizers.push_back(replace_normalizer(literal_pattern(" "), "\u2581"));
  } else {
    parts.pre_tokenizers.push_back(
        metaspace_pre_tokenizer("\u2581", prefix ? PrependScheme::first : PrependScheme::never, false));
  }
}

// SiglipTokenizer: canonical text behind "<unk>", so that the model sees no beginning of a sentence.
void set_siglip_rules(const TokenizerConfig& config, SentencePieceModel& model, TokenizerParts& parts,
                      const std::string& origin) {
  model.normalization.add_dummy_prefix = false;
  const std::string& unk = config.roles.at("unk_token").content;
  parts.normalizers.push_back(siglip_normalizer(config.flag("do_lower_case").value_or(true), unk));
  parts.normalizers.push_back(sentencepiece_normalizer(model.normalization, origin));
  std::string hidden = unk;
  parts.normalizers.back()->apply(hidden);
  std::vector<TokenId> ids;
  parts.model->tokenize(Words(std::move(hidden), true), ids);
  parts.hidden_tokens = ids.size();
}

}  // namespace

std::unique_ptr<const Tokenizer> load_sentencepiece(TokenizerConfig config, const std::string& file_name) {
  const std::filesystem::path path = config.folder / file_name;
  const std::string origin = display(path);
  SentencePieceModel model = parse_sentencepiece_model(read_text_file(path, limits().json_file_bytes), origin);
  if (config.tokenizer_class.empty()) {
    config.tokenizer_class = file_name == "spiece.model" ? "SiglipTokenizer" : "LlamaTokenizer";
  }
  const std::string& type = config.tokenizer_class;
  const bool is_llama = type == "LlamaTokenizer" || type == "CodeLlamaTokenizer";
  const bool is_siglip = type == "SiglipTokenizer", is_gaze_mini = type == "GazeMiniTokenizer";
  if (!is_llama && !is_siglip && !is_gaze_mini) {
    throw Error(ErrorCode::unsupported_model,
                message("{}: the tokenizer class \"{}\" is not supported with this file", origin, type));
  }
  if (model.treat_whitespace_as_suffix) {
    throw Error(ErrorCode::unsupported_model, message("{}: this kind of SentencePiece model is not supported", origin));
  }

  const std::shared_ptr<Vocabulary> vocabulary = make_vocabulary(model, origin);
  set_default_roles(config, {{"eos_token", "</s>"}, {"unk_token", "<unk>"}});
  if (!is_siglip) set_default_roles(config, {{"bos_token", "<s>"}});
  if (is_siglip) set_default_roles(config, {{"pad_token", "</s>"}});
  TokenizerParts parts;
  add_tokens(added_tokens(model), config, *vocabulary, parts);
  parts.vocabulary = vocabulary;
  parts.model = make_token_model(model, vocabulary);
  parts.clean_up_spaces = config.flag("clean_up_tokenization_spaces").value_or(false);

  if (is_llama) {
    set_llama_rules(config, parts);
    if (config.flag("add_bos_token").value_or(true)) parts.prefix = role_ids(config, *vocabulary, {"bos_token"});
    if (config.flag("add_eos_token").value_or(false)) parts.suffix = role_ids(config, *vocabulary, {"eos_token"});
    add_sentencepiece_decoders(parts);
    if (config.flag("add_prefix_space").value_or(true)) parts.decoders.push_back(strip_decoder(" ", 1, 0));
  } else if (is_siglip) {
    set_siglip_rules(config, model, parts, origin);
    parts.suffix = role_ids(config, *vocabulary, {"eos_token"});
    add_sentencepiece_decoders(parts);
    parts.decoders.push_back(strip_decoder(" ", std::string::npos, std::string::npos));
  } else {
    if (config.flag("strip_final_full_stops").value_or(false)) parts.normalizers.push_back(strip_final_full_stops());
    if (config.flag("split_cjk_characters").value_or(false)) parts.normalizers.push_back(split_cjk_characters());
    parts.normalizers.push_back(sentencepiece_normalizer(model.normalization, origin));
    parts.suffix = role_ids(config, *vocabulary, {"eos_token"});
    add_sentencepiece_decoders(parts);
    parts.decoders.push_back(strip_decoder(" ", std::string::npos, 0));
    parts.close_cjk_gaps = true;
  }
  return make_tokenizer(std::move(parts));
}

}  // namespace gaze
