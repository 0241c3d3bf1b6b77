// The components of tokenizer.json: each is an object with a "type". An unknown one is refused by name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/token_decoder.h"
#include "text/vocabulary.h"

namespace gaze {

// null: no steps. Errors of all: unsupported_model (a type that Gaze does not have), bad_weights (a broken component).
std::vector<NormalizerPtr> make_normalizers(const Json& normalizer, const std::string& origin);
std::vector<PreTokenizerPtr> make_pre_tokenizers(const Json& pre_tokenizer, const std::string& origin);
std::vector<DecoderStepPtr> make_decoders(const Json& decoder, const std::string& origin);
// What the post-processor puts around a single text.
void read_template(const Json& post_processor, const std::string& origin, const Vocabulary& vocabulary,
                   std::vector<TokenId>& prefix, std::vector<TokenId>& suffix);

// Values of a component. A string that is absent, null or not a string is "".
std::string string_of(const Json& object, const char* key);
bool bool_of(const Json& object, const char* key, bool otherwise, const std::string& origin);
std::size_t size_of(const Json& object, const char* key, std::size_t otherwise, const std::string& origin);

// bad_weights: `part` of the file is broken.
[[noreturn]] void throw_wrong_part(const std::string& origin, const std::string& part);
// unsupported_model: "the normalizer NFKCCasefold is not supported".
[[noreturn]] void throw_unsupported_part(const std::string& origin, const std::string& part, const std::string& type);

}  // namespace gaze
