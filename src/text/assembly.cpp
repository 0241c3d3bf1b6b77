#include "text/assembly.h"

#include <algorithm>
#include <utility>

namespace gaze {

void add_tokens(std::vector<AddedToken> added, const TokenizerConfig& config, Vocabulary& vocabulary,
                TokenizerParts& parts) {
  // A token said twice: the configuration's flags hold.
  const auto put = [&](const AddedToken& token) {
    const auto same = std::find_if(added.begin(), added.end(),
                                   [&](const AddedToken& other) { return other.content == token.content; });
    if (same == added.end()) {
      added.push_back(token);
    } else {
      const TokenId id = token.id >= 0 ? token.id : same->id;
      *same = token;
      same->id = id;
    }
  };
  for (const AddedToken& token : config.added_tokens) put(token);
  const auto put_special = [&](const AddedToken& token) {
    const auto same = std::find_if(added.begin(), added.end(),
                                   [&](const AddedToken& other) { return other.content == token.content; });
    if (same == added.end()) {
      added.push_back(token);
    } else {
      same->special = true;
    }
  };
  for (const auto& [role, token] : config.roles) put_special(token);
  for (const AddedToken& token : config.additional_special_tokens) put_special(token);

  for (AddedToken& token : added) {
    if (token.content.empty()) continue;
    if (token.id < 0) token.id = vocabulary.find(token.content);
    if (token.id < 0) token.id = vocabulary.size();
    vocabulary.add(token.content, token.id);
    if (token.special) vocabulary.mark_special(token.id);
    parts.added_tokens.push_back(token);
  }

  const auto first_of = [&](std::initializer_list<const char*> roles) {
    const std::vector<TokenId> ids = role_ids(config, vocabulary, roles);
    return ids.empty() ? -1 : ids.front();
  };
  parts.special_tokens = {.bos = first_of({"bos_token", "cls_token"}),
                          .eos = first_of({"eos_token", "sep_token"}),
                          .unk = first_of({"unk_token"}),
                          .pad = first_of({"pad_token"})};
  parts.model_max_length = config.model_max_length;
}

void set_default_roles(TokenizerConfig& config, std::initializer_list<RoleDefault> defaults) {
  for (const RoleDefault& entry : defaults) {
    AddedToken token;
    token.content = entry.content;
    token.special = true;
    config.roles.emplace(entry.role, std::move(token));
  }
}

TokenId role_id(const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& role) {
  const auto found = config.roles.find(role);
  return found == config.roles.end() ? -1 : vocabulary.find(found->second.content);
}

std::vector<TokenId> role_ids(const TokenizerConfig& config, const Vocabulary& vocabulary,
                              std::initializer_list<const char*> roles) {
  std::vector<TokenId> ids;
  for (const char* role : roles) {
    if (const TokenId id = role_id(config, vocabulary, role); id >= 0) ids.push_back(id);
  }
  return ids;
}

}  // namespace gaze
