#include "media/exif_block.h"

#include <algorithm>
#include <string_view>

namespace gaze {
namespace {

using ByteSpan = std::span<const std::byte>;

std::uint32_t number(ByteSpan bytes, std::size_t at, int count, bool big_endian) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) {
    const int shift = 8 * (big_endian ? count - 1 - i : i);
    value |= std::to_integer<std::uint32_t>(bytes[at + static_cast<std::size_t>(i)]) << shift;
  }
  return value;
}

bool has_text(ByteSpan bytes, std::size_t at, std::string_view text) {
  return at <= bytes.size() && text.size() <= bytes.size() - at &&
         std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, text.size()) == text;
}

ByteSpan find_in_jpeg(ByteSpan file) {
  constexpr std::string_view kExif("Exif\0", 5);  // and one padding byte of any value
  for (std::size_t at = 2; at + 4 <= file.size();) {
    if (file[at] != std::byte{0xFF}) {
      ++at;  // as PIL, junk between markers is passed over
      continue;
    }
    const auto marker = std::to_integer<unsigned>(file[at + 1]);
    if (marker == 0xDA || marker == 0xD9) break;
    if (marker == 0xFF || marker == 0x00 || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += marker == 0xFF ? 1 : 2;
      continue;
    }
    const std::size_t length = number(file, at + 2, 2, true);
    if (length < 2 || length > file.size() - at - 2) break;
    if (marker == 0xE1 && length >= 8 && has_text(file, at + 4, kExif)) return file.subspan(at + 10, length - 8);
    at += 2 + length;
  }
  return {};
}

ByteSpan find_in_png(ByteSpan file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = number(file, at, 4, true);
    if (length > file.size() - at - 12) break;
    if (has_text(file, at + 4, "eXIf")) return file.subspan(at + 8, length);
    at += 12 + length;
  }
  return {};
}

ByteSpan find_in_webp(ByteSpan file) {
  for (std::size_t at = 12; at + 8 <= file.size();) {
    const std::size_t length = number(file, at + 4, 4, false);
    if (length > file.size() - at - 8) break;
    if (has_text(file, at, "EXIF")) {
      const auto block = file.subspan(at + 8, length);
      return has_text(block, 0, "Exif") && length >= 6 ? block.subspan(6) : block;
    }
    at += 8 + length + length % 2;
  }
  return {};
}

std::size_t size_of_type(std::uint16_t type) {
  switch (type) {
    case 1:
    case 2:
    case 6:
    case 7:
      return 1;  // BYTE, ASCII, SBYTE, UNDEFINED
    case 3:
    case 8:
      return 2;  // SHORT, SSHORT
    case 4:
    case 9:
    case 11:
      return 4;  // LONG, SLONG, FLOAT
    case 5:
    case 10:
    case 12:
      return 8;  // RATIONAL, SRATIONAL, DOUBLE
    default:
      return 0;
  }
}

}  // namespace

ByteSpan find_exif(ByteSpan file, ImageFormat format) {
  switch (format) {
    case ImageFormat::jpeg:
      return find_in_jpeg(file);
    case ImageFormat::png:
      return find_in_png(file);
    case ImageFormat::webp:
      return find_in_webp(file);
    case ImageFormat::tiff:
      return file;
    default:
      return {};
  }
}

int exif_orientation(ByteSpan exif) {
  constexpr std::uint16_t kOrientation = 0x0112;
  const auto value = TagList::first(exif).integer(kOrientation).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

TagList TagList::first(ByteSpan exif) {
  TagList list;
  if (!has_text(exif, 0, {"II*\0", 4}) && !has_text(exif, 0, {"MM\0*", 4})) return list;
  if (exif.size() < 8) return list;
  list.block_ = exif;
  list.big_endian_ = exif[0] == std::byte{'M'};
  const std::size_t at = list.read(4, 4);
  if (at > exif.size() || exif.size() - at < 2) return list;
  list.at_ = at + 2;
  list.entries_ = std::min<std::uint32_t>(list.read(at, 2), static_cast<std::uint32_t>((exif.size() - at - 2) / 12));
  return list;
}

TagList TagList::child(std::uint16_t tag) const {
  TagList list;
  const auto offset = integer(tag);
  if (!offset || *offset > block_.size() || block_.size() - *offset < 2) return list;
  list.block_ = block_;
  list.big_endian_ = big_endian_;
  list.at_ = std::size_t{*offset} + 2;
  list.entries_ =
      std::min<std::uint32_t>(read(*offset, 2), static_cast<std::uint32_t>((block_.size() - list.at_) / 12));
  return list;
}

std::uint32_t TagList::read(std::size_t at, int bytes) const {
  return number(block_, at, bytes, big_endian_);
}

std::optional<TagList::Value> TagList::find(std::uint16_t tag) const {
  for (std::uint32_t i = 0; i < entries_; ++i) {
    const std::size_t entry = at_ + std::size_t{12} * i;
    if (read(entry, 2) != tag) continue;
    Value value{static_cast<std::uint16_t>(read(entry + 2, 2)), read(entry + 4, 4), entry + 8};
    const std::size_t size = size_of_type(value.type) * value.count;
    if (size == 0) return std::nullopt;
    if (size > 4) value.at = read(entry + 8, 4);
    if (value.at > block_.size() || size > block_.size() - value.at) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> TagList::integer(std::uint16_t tag) const {
  const auto value = find(tag);
  if (!value || (value->type != 1 && value->type != 3 && value->type != 4)) return std::nullopt;
  return read(value->at, static_cast<int>(size_of_type(value->type)));
}

std::optional<std::string> TagList::text(std::uint16_t tag) const {
  const auto value = find(tag);
  if (!value || value->type != 2) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(block_.data()) + value->at, value->count);
  text.resize(std::min(text.size(), text.find('\0')));
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return std::nullopt;
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<double> TagList::rational(std::uint16_t tag, std::uint32_t index) const {
  const auto value = find(tag);
  if (!value || value->type != 5 || index >= value->count) return std::nullopt;
  const std::uint32_t numerator = read(value->at + std::size_t{8} * index, 4);
  const std::uint32_t denominator = read(value->at + std::size_t{8} * index + 4, 4);
  if (denominator == 0) return std::nullopt;
  return static_cast<double>(numerator) / denominator;
}

}  // namespace gaze
