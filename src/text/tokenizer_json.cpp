// The loader of tokenizer.json, the file of Hugging Face's `tokenizers` library.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"
#include "text/assembly.h"
#include "text/bpe.h"
#include "text/json_scanner.h"
#include "text/tokenizer_json_parts.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace gaze {
namespace {

// The file, with its two large tables read and the rest as small trees.
struct TokenizerFile {
  std::shared_ptr<Vocabulary> vocabulary;
  std::vector<double> scores;  // of a Unigram vocabulary, which is a list
  bool has_scores = false;
  Merges merges;
  bool has_merges = false;
  Json model = Json::object();  // the model without vocab and merges
  Json added_tokens = Json::array(), normalizer, pre_tokenizer, post_processor, decoder;
};

[[noreturn]] void throw_bad_merge(const std::string& origin, std::size_t index) {
  throw Error(ErrorCode::bad_weights, message("{}: merge {} is not two tokens", origin, index));
}

void read_vocabulary(JsonScanner& json, TokenizerFile& file) {
  file.has_scores = json.peek() == '[';
  if (!file.has_scores) {
    std::string token;
    json.object([&](std::string_view key) {
      token = key;
      file.vocabulary->add(token, json.integer());
    });
    return;
  }
  json.array([&] {
    int index = 0;
    const auto id = static_cast<std::int64_t>(file.scores.size());
    json.array([&] {
      if (index == 0) file.vocabulary->add(json.string(), id);
      if (index == 1) file.scores.push_back(json.number());
      if (++index > 2) json.fail();
    });
    if (index != 2) json.fail();
  });
}

// "left right", or since 2024 ["left", "right"].
void read_merges(JsonScanner& json, TokenizerFile& file, const std::string& origin) {
  file.has_merges = true;
  std::string left;
  json.array([&] {
    if (json.peek() == '"') {
      const std::string_view merge = json.string();
      const std::size_t space = merge.find(' ');
      if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
        throw_bad_merge(origin, file.merges.size());
      }
      file.merges.add(merge.substr(0, space), merge.substr(space + 1));
      return;
    }
    int index = 0;
    json.array([&] {
      if (index == 0) left = json.string();
      if (index == 1) file.merges.add(left, json.string());
      if (++index > 2) throw_bad_merge(origin, file.merges.size());
    });
    if (index != 2) throw_bad_merge(origin, file.merges.size());
  });
}

void read_model(JsonScanner& json, TokenizerFile& file, const std::string& origin) {
  json.object([&](std::string_view key) {
    if (key == "vocab") {
      read_vocabulary(json, file);
    } else if (key == "merges") {
      read_merges(json, file, origin);
    } else {
      const std::string name(key);
      file.model[name] = json.value();
    }
  });
}

TokenizerFile read_file_parts(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, limits().json_file_bytes);
  const std::string origin = display(path);
  TokenizerFile file;
  file.vocabulary = std::make_shared<Vocabulary>(origin);
  file.vocabulary->reserve(text.size() / 64);
  JsonScanner json(text, origin);
  bool has_model = false;
  json.object([&](std::string_view key) {
    if (key == "model") {
      if (std::exchange(has_model, true)) throw_wrong_part(origin, "model");
      read_model(json, file, origin);
    } else if (key == "added_tokens") {
      file.added_tokens = json.value();
    } else if (key == "normalizer") {
      file.normalizer = json.value();
    } else if (key == "pre_tokenizer") {
      file.pre_tokenizer = json.value();
    } else if (key == "post_processor") {
      file.post_processor = json.value();
    } else if (key == "decoder") {
      file.decoder = json.value();
    } else {
      json.value();  // truncation and padding are the model's affair here
    }
  });
  json.finish();
  if (!has_model) throw_wrong_part(origin, "model");
  return file;
}

std::vector<AddedToken> read_added_tokens(const Json& list, const std::string& origin) {
  if (!list.is_array()) throw_wrong_part(origin, "added_tokens");
  std::vector<AddedToken> tokens;
  for (const Json& entry : list) {
    AddedToken token = parse_added_token(entry, origin);
    const auto id = entry.is_object() ? entry.find("id") : entry.end();
    if (id == entry.end() || !id->is_number_integer() || *id < 0 || *id >= limits().vocabulary_ids) {
      throw_wrong_part(origin, "added_tokens");
    }
    token.id = id->get<TokenId>();
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string model_type(const TokenizerFile& file) {
  if (std::string type = string_of(file.model, "type"); !type.empty()) return type;
  // Files of the first versions do not say it.
  if (file.has_merges) return "BPE";
  if (file.has_scores) return "Unigram";
  return file.model.contains("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

std::unique_ptr<const TokenModel> make_model(TokenizerFile& file, const std::string& origin) {
  const std::string type = model_type(file);
  const Json& model = file.model;
  if (type == "BPE" && !file.has_scores) {
    return std::make_unique<Bpe>(file.vocabulary, file.merges,
                                 BpeSettings{.unk_token = string_of(model, "unk_token"),
                                             .continuing_subword_prefix = string_of(model, "continuing_subword_prefix"),
                                             .end_of_word_suffix = string_of(model, "end_of_word_suffix"),
                                             .fuse_unk = bool_of(model, "fuse_unk", false, origin),
                                             .byte_fallback = bool_of(model, "byte_fallback", false, origin),
                                             .ignore_merges = bool_of(model, "ignore_merges", false, origin)});
  }
  if (type == "WordPiece" && !file.has_scores) {
    return std::make_unique<WordPiece>(
        file.vocabulary,
        WordPieceSettings{.unk_token = string_of(model, "unk_token"),
                          .continuing_subword_prefix = string_of(model, "continuing_subword_prefix"),
                          .max_input_chars_per_word = size_of(model, "max_input_chars_per_word", 100, origin)});
  }
  if (type == "Unigram" && file.has_scores) {
    const auto unk = model.find("unk_id");
    const bool has_unk = unk != model.end() && !unk->is_null();
    const std::size_t unk_id = has_unk ? size_of(model, "unk_id", 0, origin) : 0;
    if (has_unk && unk_id >= file.scores.size()) throw_wrong_part(origin, "unk_id");
    return std::make_unique<Unigram>(file.vocabulary, std::move(file.scores),
                                     UnigramSettings{.unk_id = has_unk ? static_cast<TokenId>(unk_id) : -1,
                                                     .byte_fallback = bool_of(model, "byte_fallback", false, origin),
                                                     .single_precision = false});
  }
  throw_unsupported_part(origin, "model", type);
}

// What classes of transformers change about their tokenizer.json when they load it.
void apply_class(const TokenizerConfig& config, TokenizerFile& file) {
  if (config.tokenizer_class == "BertTokenizer" && string_of(file.normalizer, "type") == "BertNormalizer") {
    file.normalizer["lowercase"] = config.flag("do_lower_case").value_or(true);
    file.normalizer["handle_chinese_chars"] = config.flag("tokenize_chinese_chars").value_or(true);
    const std::optional<bool> strip = config.flag("strip_accents");
    file.normalizer["strip_accents"] = strip ? Json(*strip) : Json();
  }
  if (!config.values.empty() && string_of(file.pre_tokenizer, "type") == "ByteLevel") {
    file.pre_tokenizer["add_prefix_space"] = config.flag("add_prefix_space").value_or(false);
  }
}

}  // namespace

std::unique_ptr<const Tokenizer> load_tokenizer_json(TokenizerConfig config) {
  const std::filesystem::path path = config.folder / "tokenizer.json";
  const std::string origin = display(path);
  TokenizerFile file = read_file_parts(path);
  apply_class(config, file);

  TokenizerParts parts;
  parts.vocabulary = file.vocabulary;
  const std::string& type = config.tokenizer_class;
  const bool is_llama = type == "LlamaTokenizer" || type == "CodeLlamaTokenizer";
  const bool is_gemma = type == "GemmaTokenizer";
  if (is_llama) set_default_roles(config, {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}});
  if (is_gemma) {
    set_default_roles(config,
                      {{"bos_token", "<bos>"}, {"eos_token", "<eos>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}});
  }
  if (type == "CLIPTokenizer") {
    set_default_roles(config, {{"bos_token", "<|startoftext|>"},
                               {"eos_token", "<|endoftext|>"},
                               {"unk_token", "<|endoftext|>"},
                               {"pad_token", "<|endoftext|>"}});
  }
  if (type == "BertTokenizer") {
    set_default_roles(config, {{"unk_token", "[UNK]"},
                               {"sep_token", "[SEP]"},
                               {"pad_token", "[PAD]"},
                               {"cls_token", "[CLS]"},
                               {"mask_token", "[MASK]"}});
  }
  add_tokens(read_added_tokens(file.added_tokens, origin), config, *file.vocabulary, parts);

  parts.normalizers = make_normalizers(file.normalizer, origin);
  parts.pre_tokenizers = make_pre_tokenizers(file.pre_tokenizer, origin);
  parts.decoders = make_decoders(file.decoder, origin);
  parts.join_with_spaces = parts.decoders.empty();
  read_template(file.post_processor, origin, *file.vocabulary, parts.prefix, parts.suffix);
  if (is_llama || is_gemma) {
    parts.prefix.clear();
    parts.suffix.clear();
    if (config.flag("add_bos_token").value_or(true)) parts.prefix = role_ids(config, *file.vocabulary, {"bos_token"});
    if (config.flag("add_eos_token").value_or(false)) parts.suffix = role_ids(config, *file.vocabulary, {"eos_token"});
  }
  if (type == "CLIPTokenizer") parts.end_of_word_suffix = string_of(file.model, "end_of_word_suffix");
  parts.clean_up_spaces = config.flag("clean_up_tokenization_spaces").value_or(false);
  parts.model = make_model(file, origin);
  return make_tokenizer(std::move(parts));
}

}  // namespace gaze
