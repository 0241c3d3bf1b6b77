// A checkpoint's tokenizer as GGUF files carry it.
#pragma once

#include <filesystem>

#include "text/gguf_vocabulary.h"

namespace gaze {

// The vocabulary of the folder's tokenizer, filled up to `size` with tokens that stand for nothing. From
// tokenizer.model where there is one, else from a byte-level or LLaMA's tokenizer.json.
// Errors: unsupported_model (a tokenizer that GGUF files have no form for), invalid_json, bad_weights.
GgufVocabulary gguf_vocabulary_of(const std::filesystem::path& folder, const Tokenizer& tokenizer, int size);

}  // namespace gaze
