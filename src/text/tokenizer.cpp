#include "text/tokenizer.h"

#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/message.h"
#include "text/assembly.h"

namespace gaze {

std::unique_ptr<const Tokenizer> open_tokenizer(const std::filesystem::path& folder) {
  const auto has = [&](const char* name) {
    std::error_code ignored;  // what cannot be looked at is not there
    return std::filesystem::exists(folder / name, ignored);
  };
  TokenizerConfig config = read_tokenizer_config(folder);

  // SiglipTokenizer exists in its slow form only: the reference never looks at its tokenizer.json.
  if (config.tokenizer_class == "SiglipTokenizer" && has("spiece.model")) {
    return load_sentencepiece(std::move(config), "spiece.model");
  }
  if (has("tokenizer.json")) return load_tokenizer_json(std::move(config));
  if (has("vocab.json") && has("merges.txt")) return load_vocab_and_merges(std::move(config));
  if (has("vocab.txt")) return load_vocab_txt(std::move(config));
  for (const char* name : {"spiece.model", "tokenizer.model"}) {
    if (has(name)) return load_sentencepiece(std::move(config), name);
  }
  throw Error(ErrorCode::not_found, message("{}: no tokenizer in this folder", display(folder)),
              message("a checkpoint has tokenizer.json, vocab.json with merges.txt, vocab.txt, spiece.model or "
                      "tokenizer.model"));
}

}  // namespace gaze
