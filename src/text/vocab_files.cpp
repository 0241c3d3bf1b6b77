// The loaders of plain vocabulary files: CLIP's and GPT-2's vocab.json + merges.txt, BERT's vocab.txt.
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
#include "text/bpe.h"
#include "text/json_scanner.h"
#include "text/word_piece.h"

namespace gaze {
namespace {

// Calls each(line) for every line, without its end (LF or CRLF); a text without a last LF has a last line.
template <class Each>
void for_each_line(std::string_view text, Each&& each) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    each(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::string read_lines(const std::filesystem::path& path) {
  std::string text = read_text_file(path, limits().json_file_bytes);
  if (!is_valid_utf8(text)) throw Error(ErrorCode::bad_weights, message("{}: not valid UTF-8", display(path)));
  return text;
}

std::shared_ptr<Vocabulary> read_vocab_json(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, limits().json_file_bytes);
  auto vocabulary = std::make_shared<Vocabulary>(display(path));
  vocabulary->reserve(text.size() / 16);
  JsonScanner json(text, display(path));
  json.object([&](std::string_view token) {
    const std::string name(token);
    vocabulary->add(name, json.integer());
  });
  json.finish();
  return vocabulary;
}

// "left right" a line under a line with the version.
Merges read_merges_txt(const std::filesystem::path& path, std::size_t at_most) {
  const std::string text = read_lines(path);
  Merges merges;
  merges.reserve(text.size() / 10, text.size());
  std::size_t number = 0;
  for_each_line(text, [&](std::string_view line) {
    if (++number == 1 || line.empty() || merges.size() == at_most) return;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || line.find(' ', space + 1) != std::string_view::npos) {
      throw Error(ErrorCode::bad_weights,
                  message("{}: line {} is not two tokens with a space between", display(path), number));
    }
    merges.add(line.substr(0, space), line.substr(space + 1));
  });
  return merges;
}

// The line number is the id. Of a token that stands there twice the last counts, as in the reference.
std::shared_ptr<Vocabulary> read_vocab_txt(const std::filesystem::path& path) {
  const std::string text = read_lines(path);
  std::vector<std::string_view> lines;
  for_each_line(text, [&](std::string_view line) { lines.push_back(line); });
  auto vocabulary = std::make_shared<Vocabulary>(display(path));
  vocabulary->reserve(lines.size());
  for (std::size_t i = lines.size(); i-- > 0;) {
    if (vocabulary->find(lines[i]) < 0) vocabulary->add(lines[i], static_cast<std::int64_t>(i));
  }
  return vocabulary;
}

}  // namespace

// CLIPConverter and GPT2Converter of transformers: what CLIPTokenizerFast and GPT2TokenizerFast make of these files.
std::unique_ptr<const Tokenizer> load_vocab_and_merges(TokenizerConfig config) {
  TokenizerParts parts;
  const std::shared_ptr<Vocabulary> vocabulary = read_vocab_json(config.folder / "vocab.json");
  const bool is_clip = config.tokenizer_class == "CLIPTokenizer" ||
                       (config.tokenizer_class.empty() && vocabulary->find("<|startoftext|>") >= 0);
  constexpr std::size_t kClipMerges = 49152 - 256 - 2;  // CLIP's merges.txt may go on; the reference stops there
  const Merges merges = read_merges_txt(config.folder / "merges.txt", is_clip ? kClipMerges : ~std::size_t{0});

  if (is_clip) {
    set_default_roles(config, {{"bos_token", "<|startoftext|>"},
                               {"eos_token", "<|endoftext|>"},
                               {"unk_token", "<|endoftext|>"},
                               {"pad_token", "<|endoftext|>"}});
  } else {
    set_default_roles(config,
                      {{"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}});
  }
  if (is_clip) {
    for (auto& [role, token] : config.roles) token.normalized = true;  // CLIPTokenizer looks for them in any case
  }
  add_tokens({}, config, *vocabulary, parts);
  parts.vocabulary = vocabulary;

  BpeSettings settings;
  if (is_clip) {
    settings.unk_token = config.roles.at("unk_token").content;
    settings.end_of_word_suffix = parts.end_of_word_suffix = "</w>";
    parts.normalizers.push_back(unicode_normalizer(NormalForm::nfc));
    parts.normalizers.push_back(replace_normalizer(regex_pattern("\\s+", vocabulary->origin()), " "));
    parts.normalizers.push_back(lowercase_normalizer());
    parts.pre_tokenizers.push_back(split_pre_tokenizer(clip_pattern(false), SplitBehavior::removed, true));
    parts.prefix = role_ids(config, *vocabulary, {"bos_token"});
    parts.suffix = role_ids(config, *vocabulary, {"eos_token"});
  }
  const bool prefix_space = !is_clip && config.flag("add_prefix_space").value_or(false);
  parts.pre_tokenizers.push_back(byte_level_pre_tokenizer(prefix_space, true));
  parts.decoders.push_back(byte_level_decoder());
  parts.clean_up_spaces = config.flag("clean_up_tokenization_spaces").value_or(false);
  parts.model = std::make_unique<Bpe>(vocabulary, merges, std::move(settings));
  return make_tokenizer(std::move(parts));
}

// BertConverter of transformers.
std::unique_ptr<const Tokenizer> load_vocab_txt(TokenizerConfig config) {
  TokenizerParts parts;
  const std::shared_ptr<Vocabulary> vocabulary = read_vocab_txt(config.folder / "vocab.txt");
  set_default_roles(config, {{"unk_token", "[UNK]"},
                             {"sep_token", "[SEP]"},
                             {"pad_token", "[PAD]"},
                             {"cls_token", "[CLS]"},
                             {"mask_token", "[MASK]"}});
  add_tokens({}, config, *vocabulary, parts);
  parts.vocabulary = vocabulary;

  parts.normalizers.push_back(
      bert_normalizer({.clean_text = true,
                       .handle_chinese_chars = config.flag("tokenize_chinese_chars").value_or(true),
                       .lowercase = config.flag("do_lower_case").value_or(true),
                       .strip_accents = config.flag("strip_accents")}));
  parts.pre_tokenizers.push_back(bert_pre_tokenizer());
  parts.model =
      std::make_unique<WordPiece>(vocabulary, WordPieceSettings{.unk_token = config.roles.at("unk_token").content});
  parts.prefix = role_ids(config, *vocabulary, {"cls_token"});
  parts.suffix = role_ids(config, *vocabulary, {"sep_token"});
  parts.decoders.push_back(word_piece_decoder("##", true));
  parts.clean_up_spaces = config.flag("clean_up_tokenization_spaces").value_or(true);
  return make_tokenizer(std::move(parts));
}

}  // namespace gaze
