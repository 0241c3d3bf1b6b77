#include "weights/gguf_writer.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "weights/gguf_metadata.h"
#include "weights/gguf_types.h"

namespace gaze {
namespace {

template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void put(std::string& to, std::string_view text) {
  put(to, static_cast<std::uint64_t>(text.size()));
  to.append(text);
}
constexpr std::uint32_t number(GgufType type) {
  return static_cast<std::uint32_t>(type);
}
std::uint64_t padded(std::uint64_t size) {
  return (size + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

}  // namespace

void GgufWriter::begin(std::string_view key, std::uint32_t type) {
  put(metadata_, key);
  put(metadata_, type);
  ++keys_;
}
void GgufWriter::begin_array(std::string_view key, std::uint32_t type, std::size_t count) {
  begin(key, number(GgufType::array));
  put(metadata_, type);
  put(metadata_, static_cast<std::uint64_t>(count));
}

void GgufWriter::add(std::string_view key, std::uint32_t value) {
  begin(key, number(GgufType::u32));
  put(metadata_, value);
}
void GgufWriter::add(std::string_view key, float value) {
  begin(key, number(GgufType::f32));
  put(metadata_, value);
}
void GgufWriter::add(std::string_view key, bool value) {
  begin(key, number(GgufType::boolean));
  metadata_ += value ? '\1' : '\0';
}
void GgufWriter::add(std::string_view key, std::string_view value) {
  begin(key, number(GgufType::text));
  put(metadata_, value);
}
void GgufWriter::add(std::string_view key, std::span<const std::string> values) {
  begin_array(key, number(GgufType::text), values.size());
  for (const std::string& value : values) put(metadata_, std::string_view(value));
}
void GgufWriter::add(std::string_view key, std::span<const float> values) {
  begin_array(key, number(GgufType::f32), values.size());
  for (const float value : values) put(metadata_, value);
}
void GgufWriter::add(std::string_view key, std::span<const std::int32_t> values) {
  begin_array(key, number(GgufType::i32), values.size());
  for (const std::int32_t value : values) put(metadata_, value);
}

void GgufWriter::add_tensor(std::string_view name, const Shape& shape, std::optional<BlockType> type) {
  Place place;
  put(place.head, name);
  put(place.head, static_cast<std::uint32_t>(shape.rank()));
  for (int i = static_cast<int>(shape.rank()) - 1; i >= 0; --i) put(place.head, static_cast<std::uint64_t>(shape[i]));
  const auto elements = static_cast<std::uint64_t>(shape.elements());
  if (type) {
    const auto* row = std::ranges::find(kGgufBlockTypes, *type, &GgufBlockType::type);
    put(place.head, row->number);
    place.size =
        elements / static_cast<std::uint64_t>(block_elements(*type)) * static_cast<std::uint64_t>(block_bytes(*type));
  } else {
    put(place.head, std::uint32_t{0});
    place.size = elements * sizeof(float);
  }
  places_.push_back(std::move(place));
}

void GgufWriter::write(NewFile& file,
                       const std::function<std::span<const std::byte>(std::size_t tensor)>& bytes_of) const {
  std::string head = "GGUF";
  put(head, std::uint32_t{3});
  put(head, static_cast<std::uint64_t>(places_.size()));
  put(head, keys_);
  head += metadata_;
  std::uint64_t offset = 0;
  for (const Place& place : places_) {
    head += place.head;
    put(head, offset);
    offset += padded(place.size);
  }
  head.resize(padded(head.size()));
  file.write(std::as_bytes(std::span(head)));
  const std::string zeros(kGgufAlignment, '\0');
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::span<const std::byte> bytes = bytes_of(i);
    GAZE_CHECK(bytes.size() == places_[i].size);
    file.write(bytes);
    file.write(std::as_bytes(std::span(zeros)).first(padded(bytes.size()) - bytes.size()));
  }
}

}  // namespace gaze
