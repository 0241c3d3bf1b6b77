#include "text/precompiled_map.h"

#include <memory>
#include <utility>

#include <unicode/brkiter.h>
#include <unicode/unistr.h>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"
#include "text/length_check.h"

namespace gaze {
namespace {

// Units of Darts-clone (a double-array trie): the label in the low byte, the offset to the children above.
constexpr bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
constexpr std::uint32_t label(std::uint32_t unit) {
  return unit & (std::uint32_t{1} << 31 | 0xFF);
}
constexpr std::uint32_t offset(std::uint32_t unit) {
  return unit >> 10 << ((unit & std::uint32_t{1} << 9) >> 6);
}
constexpr std::uint32_t leaf_value(std::uint32_t unit) {
  return unit & ~(std::uint32_t{1} << 31);
}

[[noreturn]] void throw_broken(const std::string& origin) {
  throw Error(ErrorCode::bad_weights, message("{}: \"{}\" is missing or broken", origin, "precompiled_charsmap"));
}

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t k = 4; k-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + k]);
  return value;
}

std::string decode_base64(std::string_view text, const std::string& origin) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) throw_broken(origin);
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((count += 6) >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  return out;
}

class GraphemeNormalizer : public Normalizer {
 public:
  explicit GraphemeNormalizer(PrecompiledMap map) : map_(std::move(map)) {}

  void apply(std::string& text) const override {
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::BreakIterator> graphemes(
        icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    GAZE_CHECK(U_SUCCESS(status));
    const auto wide = icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
    graphemes->setText(wide);

    std::string out;
    out.reserve(text.size());
    std::size_t byte = 0;
    std::int32_t unit = 0;
    for (std::int32_t end = graphemes->next(); end != icu::BreakIterator::DONE; end = graphemes->next()) {
      const std::size_t begin = byte;
      while (unit < end) {
        const std::size_t bytes = code_point_at(text, byte).bytes;
        byte += bytes;
        unit += bytes == 4 ? 2 : 1;
      }
      append(out, std::string_view(text).substr(begin, byte - begin));
      check_length(out);
    }
    text = std::move(out);
  }

 private:
  // The reference asks whether the map has a prefix of the grapheme, and takes the shortest one's replacement for the
  // whole of it.
  void append(std::string& out, std::string_view grapheme) const {
    if (grapheme.size() < 6) {
      if (const auto replacement = map_.shortest_prefix(grapheme)) {
        out += *replacement;
        return;
      }
    }
    for (std::size_t at = 0; at < grapheme.size();) {
      const std::string_view c = grapheme.substr(at, code_point_at(grapheme, at).bytes);
      out += map_.shortest_prefix(c).value_or(c);
      at += c.size();
    }
  }

  PrecompiledMap map_;
};

}  // namespace

PrecompiledMap::PrecompiledMap(std::string_view blob, const std::string& origin) {
  if (blob.size() < 4) throw_broken(origin);
  const std::size_t trie_bytes = little_endian(blob, 0);
  blob.remove_prefix(4);
  if (trie_bytes % 4 != 0 || trie_bytes == 0 || trie_bytes > blob.size()) throw_broken(origin);
  units_.reserve(trie_bytes / 4);
  for (std::size_t at = 0; at < trie_bytes; at += 4) units_.push_back(little_endian(blob, at));
  replacements_ = blob.substr(trie_bytes);
  if (!is_valid_utf8(replacements_)) throw_broken(origin);
}

template <class Visit>
void PrecompiledMap::prefixes(std::string_view text, Visit&& visit) const {
  if (units_.empty()) return;
  std::size_t node = offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return;
    if (i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xC0) == 0x80)
      continue;  // within a character
    visit(i + 1, leaf_value(units_[node]));
  }
}

// Up to the zero byte; what lies outside the blob, or starts within a character, is nothing.
std::string_view PrecompiledMap::replacement(std::size_t offset) const {
  if (offset >= replacements_.size() || (static_cast<unsigned char>(replacements_[offset]) & 0xC0) == 0x80) return {};
  return std::string_view(replacements_).substr(offset, replacements_.find('\0', offset) - offset);
}

std::optional<PrecompiledMap::Match> PrecompiledMap::longest_prefix(std::string_view text) const {
  std::optional<Match> match;
  prefixes(text, [&](std::size_t bytes, std::size_t at) { match = Match{bytes, replacement(at)}; });
  return match;
}

std::optional<std::string_view> PrecompiledMap::shortest_prefix(std::string_view text) const {
  std::optional<std::string_view> found;
  prefixes(text, [&](std::size_t, std::size_t at) {
    if (!found) found = replacement(at);
  });
  return found;
}

NormalizerPtr precompiled_normalizer(const std::string& base64, const std::string& origin) {
  return std::make_unique<GraphemeNormalizer>(PrecompiledMap(decode_base64(base64, origin), origin));
}

}  // namespace gaze
