#include "weights/gguf_metadata.h"

#include <utility>

#include "base/message.h"
#include "weights/weight_file.h"

namespace gaze {
namespace {

constexpr std::uint64_t kSmallestPair = 14;  // a key's length, one byte of key, the type, one byte of value

// Bytes of a value, by GgufType; 0 where they vary.
constexpr std::uint64_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::string_view kNames[] = {"u8",      "i8",   "u16",   "i16", "u32", "i32", "f32",
                                       "boolean", "text", "array", "u64", "i64", "f64"};

std::uint64_t size_of(GgufType type) {
  return kSizes[static_cast<std::uint32_t>(type)];
}

bool is_integer(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 && type != GgufType::boolean && type != GgufType::text;
}

}  // namespace

GgufMetadata::GgufMetadata(ByteReader& reader, std::uint64_t count, std::string origin) : origin_(std::move(origin)) {
  if (count > reader.remaining() / kSmallestPair) {
    refuse(origin_, message("{} metadata keys do not fit into the {} bytes that follow", count, reader.remaining()));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = reader.text(reader.number<std::uint64_t>());
    if (!is_sane_name(key))
      refuse(origin_, message("a metadata key is empty, too long or not text: {}", in_quotes(key)));
    if (!values_.emplace(key, read_value(reader, key)).second) {
      refuse(origin_, message("metadata key {} is there twice", in_quotes(key)));
    }
  }
}

GgufMetadata::Value GgufMetadata::read_value(ByteReader& reader, std::string_view key) const {
  const auto read_type = [&] {
    const auto type = reader.number<std::uint32_t>();
    if (type >= std::size(kSizes)) refuse(origin_, message("metadata {}: type {} is not known", in_quotes(key), type));
    return static_cast<GgufType>(type);
  };
  Value value{.type = read_type()};
  if (value.type == GgufType::array) {
    value.is_array = true;
    value.type = read_type();
    value.count = reader.number<std::uint64_t>();
    if (value.type == GgufType::array) refuse(origin_, message("metadata {}: an array of arrays", in_quotes(key)));
  }
  const std::uint64_t smallest = value.type == GgufType::text ? sizeof(std::uint64_t) : size_of(value.type);
  if (value.count > reader.remaining() / smallest) {
    refuse(origin_, message("metadata {}: {} values do not fit into the {} bytes that follow", in_quotes(key),
                            value.count, reader.remaining()));
  }
  if (value.type != GgufType::text) {
    value.bytes = reader.take(value.count * smallest);
    return value;
  }
  ByteReader texts = reader;
  for (std::uint64_t i = 0; i < value.count; ++i) texts.take(texts.number<std::uint64_t>());
  value.bytes = reader.take(texts.position() - reader.position());
  return value;
}

std::vector<std::string_view> GgufMetadata::keys() const {
  std::vector<std::string_view> all;
  for (const auto& [key, value] : values_) all.push_back(key);
  return all;
}

const GgufMetadata::Value& GgufMetadata::find(std::string_view key, bool is_array) const {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    refuse(origin_, message("no metadata {}", in_quotes(key)), message("the file holds another kind of model"));
  }
  if (found->second.is_array != is_array) {
    refuse(origin_, is_array ? message("metadata {} is not an array", in_quotes(key))
                             : message("metadata {} is an array", in_quotes(key)));
  }
  return found->second;
}

void GgufMetadata::refuse_type(std::string_view key, const Value& value, std::string_view wanted) const {
  refuse(origin_,
         message("metadata {} is {}, not {}", in_quotes(key), kNames[static_cast<std::uint32_t>(value.type)], wanted));
}

std::int64_t GgufMetadata::read_integer(ByteReader& reader, const Value& value, std::string_view key) const {
  switch (value.type) {
    case GgufType::u8:
      return reader.number<std::uint8_t>();
    case GgufType::i8:
      return reader.number<std::int8_t>();
    case GgufType::u16:
      return reader.number<std::uint16_t>();
    case GgufType::i16:
      return reader.number<std::int16_t>();
    case GgufType::u32:
      return reader.number<std::uint32_t>();
    case GgufType::i32:
      return reader.number<std::int32_t>();
    case GgufType::i64:
      return reader.number<std::int64_t>();
    case GgufType::u64: {
      const auto number = reader.number<std::uint64_t>();
      if (number > static_cast<std::uint64_t>(INT64_MAX))
        refuse(origin_, message("metadata {} is too large", in_quotes(key)));
      return static_cast<std::int64_t>(number);
    }
    default:
      refuse_type(key, value, "integer");
  }
}

double GgufMetadata::read_number(ByteReader& reader, const Value& value, std::string_view key) const {
  if (value.type == GgufType::f32) return reader.number<float>();
  if (value.type == GgufType::f64) return reader.number<double>();
  if (is_integer(value.type)) return static_cast<double>(read_integer(reader, value, key));
  refuse_type(key, value, "number");
}

std::int64_t GgufMetadata::integer(std::string_view key) const {
  const Value& value = find(key, false);
  ByteReader reader(value.bytes, origin_);
  return read_integer(reader, value, key);
}
std::int64_t GgufMetadata::integer(std::string_view key, std::int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

double GgufMetadata::number(std::string_view key) const {
  const Value& value = find(key, false);
  ByteReader reader(value.bytes, origin_);
  return read_number(reader, value, key);
}
double GgufMetadata::number(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool GgufMetadata::boolean(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const Value& value = find(key, false);
  if (value.type != GgufType::boolean) refuse_type(key, value, "boolean");
  if (value.bytes[0] > std::byte{1})
    refuse(origin_, message("metadata {}: a boolean is neither 0 nor 1", in_quotes(key)));
  return value.bytes[0] == std::byte{1};
}

std::string_view GgufMetadata::text(std::string_view key) const {
  const Value& value = find(key, false);
  if (value.type != GgufType::text) refuse_type(key, value, "text");
  ByteReader reader(value.bytes, origin_);
  return reader.text(reader.number<std::uint64_t>());
}
std::string_view GgufMetadata::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : fallback;
}

std::vector<std::int64_t> GgufMetadata::integers(std::string_view key) const {
  const Value& value = find(key, true);
  ByteReader reader(value.bytes, origin_);
  std::vector<std::int64_t> all;
  for (std::uint64_t i = 0; i < value.count; ++i) all.push_back(read_integer(reader, value, key));
  return all;
}

std::vector<float> GgufMetadata::numbers(std::string_view key) const {
  const Value& value = find(key, true);
  ByteReader reader(value.bytes, origin_);
  std::vector<float> all;
  for (std::uint64_t i = 0; i < value.count; ++i) all.push_back(static_cast<float>(read_number(reader, value, key)));
  return all;
}

std::vector<std::string_view> GgufMetadata::texts(std::string_view key) const {
  const Value& value = find(key, true);
  if (value.type != GgufType::text) refuse_type(key, value, "text");
  ByteReader reader(value.bytes, origin_);
  std::vector<std::string_view> all;
  for (std::uint64_t i = 0; i < value.count; ++i) all.push_back(reader.text(reader.number<std::uint64_t>()));
  return all;
}

}  // namespace gaze
