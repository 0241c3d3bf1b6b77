// What the small files beside a vocabulary say: tokenizer_config.json, special_tokens_map.json, added_tokens.json.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/added_tokens.h"

namespace gaze {

struct TokenizerConfig {
  std::string tokenizer_class;  // without "Fast"; from config.json's model_type where no file says it; may be ""
  std::map<std::string, AddedToken> roles;            // "bos_token" → token; only those that are said
  std::vector<AddedToken> added_tokens;               // by id
  std::vector<AddedToken> additional_special_tokens;  // without ids
  int model_max_length = 0;                           // 0: none
  Json values = Json::object();                       // tokenizer_config.json as it is

  // A flag of tokenizer_config.json; nothing where it is absent or null.
  // Errors: invalid_json (not a boolean).
  std::optional<bool> flag(const std::string& name) const;

  std::filesystem::path folder;
};

// Errors: invalid_json, bad_weights (a value of the wrong kind).
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

// An added token as it stands in JSON: a string, or an object with "content" and flags.
AddedToken parse_added_token(const Json& value, const std::string& origin);

}  // namespace gaze
