#include "text/tokenizer_json_parts.h"

#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/precompiled_map.h"

namespace gaze {
namespace {

// A component, or the members of a Sequence of them, to any depth.
template <class Each>
void for_each_component(const Json& component, const char* members, const std::string& part, const std::string& origin,
                        Each&& each) {
  if (component.is_null()) return;
  if (!component.is_object()) throw_wrong_part(origin, part);
  const std::string type = string_of(component, "type");
  if (type != "Sequence") {
    each(component, type);
    return;
  }
  const auto list = component.find(members);
  if (list == component.end() || !list->is_array()) throw_wrong_part(origin, part);
  for (const Json& member : *list) for_each_component(member, members, part, origin, each);
}

// {"String": …} or {"Regex": …}.
std::unique_ptr<const Pattern> make_pattern(const Json& component, const std::string& part, const std::string& origin) {
  const auto pattern = component.find("pattern");
  if (pattern == component.end()) throw_wrong_part(origin, part);
  if (const std::string literal = string_of(*pattern, "String"); !literal.empty()) return literal_pattern(literal);
  const std::string expression = string_of(*pattern, "Regex");
  if (expression.empty()) throw_wrong_part(origin, part);
  return regex_pattern(expression, origin);
}

SplitBehavior make_behavior(const Json& component, const std::string& origin) {
  const std::string name = string_of(component, "behavior");
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated" || name.empty()) return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw_unsupported_part(origin, "split behavior", name);
}

NormalizerPtr make_normalizer(const Json& component, const std::string& type, const std::string& origin) {
  if (type == "NFC") return unicode_normalizer(NormalForm::nfc);
  if (type == "NFD") return unicode_normalizer(NormalForm::nfd);
  if (type == "NFKC") return unicode_normalizer(NormalForm::nfkc);
  if (type == "NFKD") return unicode_normalizer(NormalForm::nfkd);
  if (type == "Lowercase") return lowercase_normalizer();
  if (type == "StripAccents") return strip_accents_normalizer();
  if (type == "Strip") {
    return strip_normalizer(bool_of(component, "strip_left", true, origin),
                            bool_of(component, "strip_right", true, origin));
  }
  if (type == "Prepend") return prepend_normalizer(string_of(component, "prepend"));
  if (type == "Replace") {
    return replace_normalizer(make_pattern(component, "normalizer", origin), string_of(component, "content"));
  }
  if (type == "BertNormalizer") {
    BertNormalization settings = {.clean_text = bool_of(component, "clean_text", true, origin),
                                  .handle_chinese_chars = bool_of(component, "handle_chinese_chars", true, origin),
                                  .lowercase = bool_of(component, "lowercase", true, origin),
                                  .strip_accents = {}};
    const auto strip = component.find("strip_accents");
    if (strip != component.end() && !strip->is_null())
      settings.strip_accents = bool_of(component, "strip_accents", false, origin);
    return bert_normalizer(settings);
  }
  if (type == "Precompiled") return precompiled_normalizer(string_of(component, "precompiled_charsmap"), origin);
  throw_unsupported_part(origin, "normalizer", type);
}

PrependScheme make_prepend_scheme(const Json& component, const std::string& origin) {
  const std::string scheme = string_of(component, "prepend_scheme");
  if (scheme == "never" || !bool_of(component, "add_prefix_space", true, origin)) return PrependScheme::never;
  if (scheme == "first") return PrependScheme::first;
  if (scheme == "always" || scheme.empty()) return PrependScheme::always;
  throw_unsupported_part(origin, "prepend scheme", scheme);
}

std::string metaspace_replacement(const Json& component, const std::string& origin) {
  std::string replacement = string_of(component, "replacement");
  if (replacement.empty() || code_point_at(replacement, 0).bytes != replacement.size())
    throw_wrong_part(origin, "replacement");
  return replacement;
}

PreTokenizerPtr make_pre_tokenizer(const Json& component, const std::string& type, const std::string& origin) {
  if (type == "ByteLevel") {
    return byte_level_pre_tokenizer(bool_of(component, "add_prefix_space", true, origin),
                                    bool_of(component, "use_regex", true, origin));
  }
  if (type == "Split") {
    return split_pre_tokenizer(make_pattern(component, "pre_tokenizer", origin), make_behavior(component, origin),
                               bool_of(component, "invert", false, origin));
  }
  if (type == "BertPreTokenizer") return bert_pre_tokenizer();
  if (type == "Whitespace") return whitespace_pre_tokenizer();
  if (type == "WhitespaceSplit") return whitespace_split_pre_tokenizer();
  if (type == "Punctuation") return punctuation_pre_tokenizer(make_behavior(component, origin));
  if (type == "Digits") return digits_pre_tokenizer(bool_of(component, "individual_digits", false, origin));
  if (type == "Metaspace") {
    return metaspace_pre_tokenizer(metaspace_replacement(component, origin), make_prepend_scheme(component, origin),
                                   bool_of(component, "split", true, origin));
  }
  throw_unsupported_part(origin, "pre_tokenizer", type);
}

DecoderStepPtr make_decoder(const Json& component, const std::string& type, const std::string& origin) {
  if (type == "ByteLevel") return byte_level_decoder();
  if (type == "ByteFallback") return byte_fallback_decoder();
  if (type == "Fuse") return fuse_decoder();
  if (type == "WordPiece") {
    return word_piece_decoder(string_of(component, "prefix"), bool_of(component, "cleanup", true, origin));
  }
  if (type == "BPEDecoder") {
    std::string suffix = string_of(component, "suffix");
    if (suffix.empty()) throw_wrong_part(origin, "decoder");
    return bpe_decoder(std::move(suffix));
  }
  if (type == "Metaspace") {
    return metaspace_decoder(metaspace_replacement(component, origin),
                             make_prepend_scheme(component, origin) != PrependScheme::never);
  }
  if (type == "Replace")
    return replace_decoder(make_pattern(component, "decoder", origin), string_of(component, "content"));
  if (type == "Strip") {
    std::string content = string_of(component, "content");
    if (content.empty()) throw_wrong_part(origin, "decoder");
    return strip_decoder(std::move(content), size_of(component, "start", 0, origin),
                         size_of(component, "stop", 0, origin));
  }
  throw_unsupported_part(origin, "decoder", type);
}

// ["[CLS]", 101], whose id must be in the vocabulary.
TokenId token_of_pair(const Json& component, const char* key, const std::string& origin, const Vocabulary& vocabulary) {
  const auto pair = component.find(key);
  if (pair == component.end() || !pair->is_array() || pair->size() != 2 || !(*pair)[1].is_number_integer()) {
    throw_wrong_part(origin, "post_processor");
  }
  const Json& id = (*pair)[1];
  if (id < 0 || id >= vocabulary.size() || !vocabulary.contains(id.get<TokenId>()))
    throw_wrong_part(origin, "post_processor");
  return id.get<TokenId>();
}

void read_template_processing(const Json& component, const std::string& origin, const Vocabulary& vocabulary,
                              std::vector<TokenId>& prefix, std::vector<TokenId>& suffix) {
  const auto single = component.find("single");
  const auto special = component.find("special_tokens");
  if (single == component.end() || !single->is_array()) throw_wrong_part(origin, "post_processor");
  bool seen_text = false;
  for (const Json& piece : *single) {
    if (piece.is_object() && piece.contains("Sequence")) {
      if (std::exchange(seen_text, true)) throw_unsupported_part(origin, "post_processor", "TemplateProcessing");
      continue;
    }
    if (!piece.is_object() || !piece.contains("SpecialToken") || special == component.end()) {
      throw_wrong_part(origin, "post_processor");
    }
    const std::string name = string_of(piece["SpecialToken"], "id");
    const auto entry = special->find(name);  // end() where it is no object
    if (entry == special->end() || !entry->is_object()) throw_wrong_part(origin, "post_processor");
    const auto ids = entry->find("ids");
    if (ids == entry->end() || !ids->is_array()) throw_wrong_part(origin, "post_processor");
    for (const Json& id : *ids) {
      if (!id.is_number_integer() || id < 0 || id >= vocabulary.size()) throw_wrong_part(origin, "post_processor");
      (seen_text ? suffix : prefix).push_back(id.get<TokenId>());
    }
  }
  if (!seen_text) throw_wrong_part(origin, "post_processor");
}

}  // namespace

std::vector<NormalizerPtr> make_normalizers(const Json& normalizer, const std::string& origin) {
  std::vector<NormalizerPtr> steps;
  for_each_component(normalizer, "normalizers", "normalizer", origin,
                     [&](const Json& component, const std::string& type) {
                       steps.push_back(make_normalizer(component, type, origin));
                     });
  return steps;
}

std::vector<PreTokenizerPtr> make_pre_tokenizers(const Json& pre_tokenizer, const std::string& origin) {
  std::vector<PreTokenizerPtr> steps;
  for_each_component(pre_tokenizer, "pretokenizers", "pre_tokenizer", origin,
                     [&](const Json& component, const std::string& type) {
                       steps.push_back(make_pre_tokenizer(component, type, origin));
                     });
  return steps;
}

std::vector<DecoderStepPtr> make_decoders(const Json& decoder, const std::string& origin) {
  std::vector<DecoderStepPtr> steps;
  for_each_component(decoder, "decoders", "decoder", origin, [&](const Json& component, const std::string& type) {
    steps.push_back(make_decoder(component, type, origin));
  });
  return steps;
}

void read_template(const Json& post_processor, const std::string& origin, const Vocabulary& vocabulary,
                   std::vector<TokenId>& prefix, std::vector<TokenId>& suffix) {
  for_each_component(post_processor, "processors", "post_processor", origin,
                     [&](const Json& component, const std::string& type) {
                       if (type == "ByteLevel") return;  // about offsets only
                       if (type == "BertProcessing" || type == "RobertaProcessing") {
                         prefix.push_back(token_of_pair(component, "cls", origin, vocabulary));
                         suffix.push_back(token_of_pair(component, "sep", origin, vocabulary));
                       } else if (type == "TemplateProcessing") {
                         read_template_processing(component, origin, vocabulary, prefix, suffix);
                       } else {
                         throw_unsupported_part(origin, "post_processor", type);
                       }
                     });
}

std::string string_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool bool_of(const Json& object, const char* key, bool otherwise, const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) throw_wrong_part(origin, key);
  return found->get<bool>();
}

std::size_t size_of(const Json& object, const char* key, std::size_t otherwise, const std::string& origin) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  if (!found->is_number_unsigned()) throw_wrong_part(origin, key);
  return found->get<std::size_t>();
}

void throw_wrong_part(const std::string& origin, const std::string& part) {
  throw Error(ErrorCode::bad_weights, message("{}: \"{}\" is missing or broken", origin, part));
}

void throw_unsupported_part(const std::string& origin, const std::string& part, const std::string& type) {
  throw Error(ErrorCode::unsupported_model, message("{}: the {} \"{}\" is not supported", origin, part, type));
}

}  // namespace gaze
