// What single families do to a text before their SentencePiece model sees it.
#pragma once

#include <string>
#include <string_view>

#include "text/normalizer.h"

namespace gaze {

// SiglipTokenizer: lower case, ASCII punctuation removed, spaces collapsed, all behind `prefix`.
NormalizerPtr siglip_normalizer(bool lower_case, std::string prefix);

// gaze-mini (tools/train/README.md): spaces and full stops at the end of the text go away.
NormalizerPtr strip_final_full_stops();
// gaze-mini: a space before and after every Chinese character.
NormalizerPtr split_cjk_characters();
// The way back: no space next to a Chinese character, or to the punctuation and the wide forms that go with them.
std::string close_cjk_gaps(std::string_view text);

}  // namespace gaze
