#include "text/word_piece.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/unicode.h"

namespace gaze {

WordPiece::WordPiece(std::shared_ptr<const Vocabulary> vocabulary, WordPieceSettings settings)
    : vocabulary_(std::move(vocabulary)), settings_(std::move(settings)), unk_(vocabulary_->find(settings_.unk_token)) {
  if (unk_ < 0) {
    throw Error(ErrorCode::bad_weights, message("{}: token \"{}\" is used but not in the vocabulary",
                                                vocabulary_->origin(), settings_.unk_token));
  }
}

void WordPiece::tokenize(const Words& words, std::vector<TokenId>& ids) const {
  std::string scratch;
  for (const TextRange& range : words.ranges) {
    const std::size_t before = ids.size();
    if (!tokenize_word(words.word(range), ids, scratch)) {
      ids.resize(before);
      ids.push_back(unk_);
    }
  }
}

bool WordPiece::tokenize_word(std::string_view word, std::vector<TokenId>& ids, std::string& scratch) const {
  if (count_code_points(word) > settings_.max_input_chars_per_word) return false;
  for (std::size_t begin = 0; begin < word.size();) {
    scratch = begin == 0 ? std::string() : settings_.continuing_subword_prefix;
    const std::size_t prefix = scratch.size();
    // No token is longer than the longest; a candidate ends between code points.
    std::size_t length = std::min(word.size() - begin, vocabulary_->longest_token_bytes());
    while (begin + length < word.size() && (static_cast<unsigned char>(word[begin + length]) & 0xC0) == 0x80) --length;
    scratch += word.substr(begin, length);

    TokenId id = -1;
    while (scratch.size() > prefix && (id = vocabulary_->find_text(scratch)) < 0) {
      scratch.resize(scratch.size() - code_point_before(scratch, scratch.size()).bytes);
    }
    if (id < 0) return false;
    ids.push_back(id);
    begin += scratch.size() - prefix;
  }
  return true;
}

}  // namespace gaze
