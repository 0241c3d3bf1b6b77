// The bytes that each token writes.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gaze {

// Of every id of a tokenizer that writes its tokens one after the other: byte-level BPE, and SentencePiece with or
// without tokens for bytes. "" for special tokens and holes. A token at the beginning of a text may lose its first
// space when it is decoded.
std::vector<std::string> bytes_of_tokens(const Tokenizer& tokenizer);

}  // namespace gaze
