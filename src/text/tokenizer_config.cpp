#include "text/tokenizer_config.h"

#include <charconv>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/message.h"

namespace gaze {
namespace {

constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "pad_token",
                                       "cls_token", "sep_token", "mask_token"};

[[noreturn]] void throw_wrong_kind(const std::string& origin, std::string_view key) {
  throw Error(ErrorCode::bad_weights, message("{}: \"{}\" has a value of the wrong kind", origin, key));
}

std::string file_name(const std::filesystem::path& folder, const char* name) {
  return display(folder / name);
}

// A file's object, or an empty one where there is no file.
Json read_optional(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Json::object();
  Json value = read_json_file(path);
  if (!value.is_object()) throw_wrong_kind(display(path), "{");
  return value;
}

std::string string_value(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The tokenizer that transformers takes for a model that names none.
std::string class_of_model_type(const std::string& model_type) {
  static const std::map<std::string, std::string> kClasses = {
      {"clip", "CLIPTokenizer"},         {"blip", "BertTokenizer"},     {"bert", "BertTokenizer"},
      {"chinese_clip", "BertTokenizer"}, {"siglip", "SiglipTokenizer"}, {"siglip2", "GemmaTokenizer"},
      {"gemma", "GemmaTokenizer"},       {"llama", "LlamaTokenizer"},   {"llava", "LlamaTokenizer"},
      {"llava_next", "LlamaTokenizer"},  {"gpt2", "GPT2Tokenizer"},
  };
  const auto found = kClasses.find(model_type);
  return found == kClasses.end() ? std::string() : found->second;
}

void read_roles(const Json& values, const std::string& origin, std::map<std::string, AddedToken>& roles) {
  for (const std::string_view role : kRoles) {
    const auto found = values.find(role);
    if (found == values.end() || found->is_null() || roles.contains(std::string(role))) continue;
    AddedToken token = parse_added_token(*found, origin);
    token.special = true;
    roles.emplace(role, std::move(token));
  }
}

void read_additional_special_tokens(const Json& values, const std::string& origin, std::vector<AddedToken>& tokens) {
  const auto found = values.find("additional_special_tokens");
  if (found == values.end() || !found->is_array()) return;
  for (const Json& value : *found) {
    AddedToken token = parse_added_token(value, origin);
    token.special = true;
    tokens.push_back(std::move(token));
  }
}

void read_added_tokens_decoder(const Json& object, const std::string& origin, std::vector<AddedToken>& tokens) {
  if (!object.is_object()) throw_wrong_kind(origin, "added_tokens_decoder");
  std::map<TokenId, AddedToken> by_id;
  for (const auto& [key, value] : object.items()) {
    TokenId id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) throw_wrong_kind(origin, "added_tokens_decoder");
    AddedToken token = parse_added_token(value, origin);
    token.id = id;
    by_id.emplace(id, std::move(token));
  }
  for (auto& [id, token] : by_id) tokens.push_back(std::move(token));
}

void read_added_tokens_file(const Json& object, const std::string& origin, std::vector<AddedToken>& tokens) {
  std::map<TokenId, AddedToken> by_id;
  for (const auto& [content, id] : object.items()) {
    if (!id.is_number_integer() || id < 0 || id >= limits().vocabulary_ids) throw_wrong_kind(origin, content);
    AddedToken token;
    token.content = content;
    token.id = id.get<TokenId>();
    token.normalized = true;  // unless it turns out special
    by_id.emplace(token.id, std::move(token));
  }
  for (auto& [id, token] : by_id) tokens.push_back(std::move(token));
}

}  // namespace

std::optional<bool> TokenizerConfig::flag(const std::string& name) const {
  const auto found = values.find(name);
  if (found == values.end() || found->is_null()) return std::nullopt;
  if (!found->is_boolean()) throw_wrong_kind(file_name(folder, "tokenizer_config.json"), name);
  return found->get<bool>();
}

AddedToken parse_added_token(const Json& value, const std::string& origin) {
  AddedToken token;
  if (value.is_string()) {
    token.content = value.get<std::string>();
    return token;
  }
  const auto content = value.is_object() ? value.find("content") : value.end();
  if (!value.is_object() || content == value.end() || !content->is_string()) throw_wrong_kind(origin, "added_tokens");
  token.content = content->get<std::string>();
  const auto flag = [&](const char* name, bool otherwise) {
    const auto found = value.find(name);
    if (found == value.end() || found->is_null()) return otherwise;
    if (!found->is_boolean()) throw_wrong_kind(origin, name);
    return found->get<bool>();
  };
  token.special = flag("special", false);
  token.normalized = flag("normalized", !token.special);
  token.single_word = flag("single_word", false);
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  return token;
}

TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder) {
  TokenizerConfig config;
  config.folder = folder;
  config.values = read_optional(folder / "tokenizer_config.json");
  const std::string origin = file_name(folder, "tokenizer_config.json");

  config.tokenizer_class = string_value(config.values, "tokenizer_class");
  if (config.tokenizer_class.empty()) {
    const Json model = read_optional(folder / "config.json");
    config.tokenizer_class = string_value(model, "tokenizer_class");
    if (config.tokenizer_class.empty()) config.tokenizer_class = class_of_model_type(string_value(model, "model_type"));
  }
  if (config.tokenizer_class.ends_with("Fast")) config.tokenizer_class.resize(config.tokenizer_class.size() - 4);

  read_roles(config.values, origin, config.roles);
  if (const auto found = config.values.find("added_tokens_decoder"); found != config.values.end()) {
    read_added_tokens_decoder(*found, origin, config.added_tokens);
  } else {  // the files that transformers wrote before
    const std::string map = file_name(folder, "special_tokens_map.json");
    const Json special = read_optional(folder / "special_tokens_map.json");
    read_roles(special, map, config.roles);
    read_additional_special_tokens(special, map, config.additional_special_tokens);
    const std::string added = file_name(folder, "added_tokens.json");
    read_added_tokens_file(read_optional(folder / "added_tokens.json"), added, config.added_tokens);
  }
  read_additional_special_tokens(config.values, origin, config.additional_special_tokens);
  // "No limit" is written as a number near 1e30.
  if (const auto found = config.values.find("model_max_length");
      found != config.values.end() && found->is_number() && *found > 0 && *found < std::numeric_limits<int>::max()) {
    config.model_max_length = found->get<int>();
  }
  return config;
}

}  // namespace gaze
