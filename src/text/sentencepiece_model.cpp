#include "text/sentencepiece_model.h"

#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/message.h"
#include "text/length_check.h"
#include "text/unicode.h"

namespace gaze {
namespace {

constexpr std::string_view kSpace = "\u2581";

[[noreturn]] void throw_broken(const std::string& origin, const std::string& what) {
  throw Error(ErrorCode::bad_weights, message("{}: not a SentencePiece model: {}", origin, what));
}

// The fields of one protobuf message.
class Fields {
 public:
  Fields(std::string_view bytes, const std::string& origin) : rest_(bytes), origin_(origin) {}

  // Moves to the next field; false behind the last.
  bool next() {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    number_ = tag >> 3;
    switch (tag & 7) {
      case 0:
        value_ = varint();
        break;
      case 1:
        bytes_ = take(8);
        break;
      case 2:
        bytes_ = take(varint());
        break;
      case 5:
        bytes_ = take(4);
        break;
      default:
        throw_broken(origin_, message("unknown wire type"));
    }
    wire_type_ = tag & 7;
    return true;
  }

  std::uint64_t number() const { return number_; }
  std::uint64_t integer() const { return expect(0), value_; }
  std::string_view bytes() const { return expect(2), bytes_; }
  float real() const {
    expect(5);
    std::uint32_t bits = 0;
    for (std::size_t k = 4; k-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes_[k]);
    return std::bit_cast<float>(bits);
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    throw_broken(origin_, message("a number that does not end"));
  }
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) throw_broken(origin_, message("cut short"));
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  void expect(std::uint64_t wire_type) const {
    if (wire_type_ != wire_type) throw_broken(origin_, message("a field of the wrong type"));
  }

  std::string_view rest_;
  const std::string& origin_;
  std::uint64_t number_ = 0, wire_type_ = 0, value_ = 0;
  std::string_view bytes_;
};

SentencePieceModel::Piece parse_piece(std::string_view bytes, const std::string& origin) {
  SentencePieceModel::Piece piece;
  for (Fields field(bytes, origin); field.next();) {
    if (field.number() == 1) piece.text = field.bytes();
    if (field.number() == 2) piece.score = field.real();
    if (field.number() == 3) {
      if (field.integer() < 1 || field.integer() > 6) throw_broken(origin, message("unknown type of piece"));
      piece.type = static_cast<SentencePieceModel::PieceType>(field.integer());
    }
  }
  if (piece.text.empty() || !is_valid_utf8(piece.text))
    throw_broken(origin, message("a piece that is empty or not UTF-8"));
  return piece;
}

void parse_trainer_spec(std::string_view bytes, const std::string& origin, SentencePieceModel& model) {
  for (Fields field(bytes, origin); field.next();) {
    if (field.number() == 3) {
      if (field.integer() < 1 || field.integer() > 4) throw_broken(origin, message("unknown type of model"));
      model.type = static_cast<SentencePieceModel::Type>(field.integer());
    }
    if (field.number() == 24) model.treat_whitespace_as_suffix = field.integer() != 0;
    if (field.number() == 35) model.byte_fallback = field.integer() != 0;
  }
}

void parse_normalizer_spec(std::string_view bytes, const std::string& origin,
                           SentencePieceModel::Normalization& normalization) {
  for (Fields field(bytes, origin); field.next();) {
    if (field.number() == 2) normalization.precompiled_charsmap = field.bytes();
    if (field.number() == 3) normalization.add_dummy_prefix = field.integer() != 0;
    if (field.number() == 4) normalization.remove_extra_whitespaces = field.integer() != 0;
    if (field.number() == 5) normalization.escape_whitespaces = field.integer() != 0;
  }
}

class SentencePieceNormalizer : public Normalizer {
 public:
  SentencePieceNormalizer(const SentencePieceModel::Normalization& settings, const std::string& origin)
      : settings_(settings), space_(settings.escape_whitespaces ? kSpace : " ") {
    if (!settings.precompiled_charsmap.empty()) map_ = PrecompiledMap(settings.precompiled_charsmap, origin);
    settings_.precompiled_charsmap.clear();
  }

  void apply(std::string& text) const override {
    std::string_view rest = text;
    if (settings_.remove_extra_whitespaces) {  // spaces before the text
      for (PrecompiledMap::Match match; !rest.empty() && (match = next(rest)).replacement == " ";) {
        rest.remove_prefix(match.bytes);
      }
    }
    std::string out;
    if (!rest.empty() && settings_.add_dummy_prefix) out = space_;
    out.reserve(rest.size() + rest.size() / 4);
    bool after_space = settings_.remove_extra_whitespaces;
    while (!rest.empty()) {
      const PrecompiledMap::Match match = next(rest);
      rest.remove_prefix(match.bytes);
      std::string_view piece = match.replacement;
      while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
      if (piece.empty()) continue;
      for (const char c : piece) {
        if (c == ' ') {
          out += space_;
        } else {
          out += c;
        }
      }
      after_space = settings_.remove_extra_whitespaces && piece.ends_with(' ');
      check_length(out);
    }
    while (settings_.remove_extra_whitespaces && out.ends_with(space_)) out.resize(out.size() - space_.size());
    text = std::move(out);
  }

 private:
  PrecompiledMap::Match next(std::string_view text) const {
    if (const auto match = map_.longest_prefix(text)) return *match;
    const std::size_t bytes = code_point_at(text, 0).bytes;
    return {bytes, text.substr(0, bytes)};
  }

  SentencePieceModel::Normalization settings_;
  PrecompiledMap map_;
  std::string_view space_;
};

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& origin) {
  SentencePieceModel model;
  for (Fields field(bytes, origin); field.next();) {
    if (field.number() == 1) model.pieces.push_back(parse_piece(field.bytes(), origin));
    if (field.number() == 2) parse_trainer_spec(field.bytes(), origin, model);
    if (field.number() == 3) parse_normalizer_spec(field.bytes(), origin, model.normalization);
  }
  int unknown = 0;
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type != SentencePieceModel::PieceType::unknown) continue;
    model.unk_id = static_cast<int>(id);
    ++unknown;
  }
  if (unknown != 1) throw_broken(origin, message("it must have one unknown piece"));
  return model;
}

NormalizerPtr sentencepiece_normalizer(const SentencePieceModel::Normalization& settings, const std::string& origin) {
  return std::make_unique<SentencePieceNormalizer>(settings, origin);
}

}  // namespace gaze
