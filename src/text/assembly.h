// What the loaders of tokenizer files share: the added tokens and roles of a tokenizer, worked out as transformers
// does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/pipeline.h"
#include "text/tokenizer_config.h"
#include "text/vocabulary.h"

namespace gaze {

// Puts added tokens and the tokens with a role into the vocabulary (behind the last one, where they have no id and are
// not in it yet), marks the special ones, and sets parts.added_tokens, special_tokens and model_max_length.
// `added`: the tokenizer file's own; `config` comes on top. Errors: as Vocabulary::add.
void add_tokens(std::vector<AddedToken> added, const TokenizerConfig& config, Vocabulary& vocabulary,
                TokenizerParts& parts);

// Fills the roles that no file names with a tokenizer class's own; a role's default that is "" stays absent.
struct RoleDefault {
  const char* role;
  const char* content;
};
void set_default_roles(TokenizerConfig& config, std::initializer_list<RoleDefault> defaults);

// The id of the token with this role; -1 where there is none.
TokenId role_id(const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& role);

// The ids of these roles, without those that are absent.
std::vector<TokenId> role_ids(const TokenizerConfig& config, const Vocabulary& vocabulary,
                              std::initializer_list<const char*> roles);

// The loaders; each reads the named files of config.folder. Errors: as open_tokenizer.
std::unique_ptr<const Tokenizer> load_tokenizer_json(TokenizerConfig config);
std::unique_ptr<const Tokenizer> load_vocab_and_merges(TokenizerConfig config);  // vocab.json + merges.txt
std::unique_ptr<const Tokenizer> load_vocab_txt(TokenizerConfig config);
std::unique_ptr<const Tokenizer> load_sentencepiece(TokenizerConfig config, const std::string& file_name);

}  // namespace gaze
