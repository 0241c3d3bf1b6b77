#include <cstring>

#include <webp/decode.h>

#include "media/decoders.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "WebP";

// One RIFF chunk, all inside the file.
struct Chunk {
  char kind[4];
  ByteSpan data;
  ByteSpan whole;  // with the eight bytes of kind and size before the data

  bool is(const char* letters) const { return std::memcmp(kind, letters, 4) == 0; }
};

std::uint32_t number(ByteSpan bytes, std::size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

// Takes the next chunk off `rest`; false at the end.
bool next_chunk(ByteSpan& rest, Chunk& chunk, const std::string& name) {
  if (rest.size() < 8) return false;
  const std::size_t size = number(rest, 4, 4);
  if (size > rest.size() - 8) throw_truncated(name, kFormat);
  std::memcpy(chunk.kind, rest.data(), 4);
  chunk.data = rest.subspan(8, size);
  chunk.whole = rest.first(8 + size);
  rest = rest.subspan(std::min(rest.size(), 8 + size + size % 2));
  return true;
}

// The first lossy or lossless picture among the chunks; transparency in a chunk of its own plays no part.
ByteSpan find_bitstream(ByteSpan rest, const std::string& name) {
  Chunk chunk;
  while (next_chunk(rest, chunk, name)) {
    if (chunk.is("VP8 ") || chunk.is("VP8L")) return chunk.whole;
  }
  throw_broken(name, kFormat, "no picture in it");
}

}  // namespace

// The first frame of an animation lies on transparent black, whose colour remains when transparency is dropped.
Image decode_webp(ByteSpan file, const std::string& name) {
  const std::size_t riff = std::size_t{8} + number(file, 4, 4);
  if (riff > file.size() + 1) throw_truncated(name, kFormat);  // one byte of padding may be missing
  const ByteSpan body = file.subspan(12, std::max<std::size_t>(std::min(riff, file.size()), 12) - 12);

  std::int64_t canvas_width = 0, canvas_height = 0, left = 0, top = 0;
  ByteSpan bitstream;
  Chunk chunk;
  for (ByteSpan rest = body; bitstream.empty() && next_chunk(rest, chunk, name);) {
    if (chunk.is("VP8X") && chunk.data.size() >= 10) {
      canvas_width = std::int64_t{number(chunk.data, 4, 3)} + 1;
      canvas_height = std::int64_t{number(chunk.data, 7, 3)} + 1;
      check_image_size(canvas_width, canvas_height, name);
    } else if (chunk.is("ANMF") && chunk.data.size() >= 16 && canvas_width > 0) {
      left = std::int64_t{number(chunk.data, 0, 3)} * 2;
      top = std::int64_t{number(chunk.data, 3, 3)} * 2;
      bitstream = find_bitstream(chunk.data.subspan(16), name);
    } else if (chunk.is("VP8 ") || chunk.is("VP8L")) {
      bitstream = chunk.whole;
    }
  }
  const auto* const data = reinterpret_cast<const std::uint8_t*>(bitstream.data());
  int width = 0, height = 0;
  if (bitstream.empty() || !WebPGetInfo(data, bitstream.size(), &width, &height)) {
    throw_broken(name, kFormat, "no picture in it");
  }
  if (canvas_width == 0) {
    canvas_width = width;
    canvas_height = height;
  }
  check_image_size(canvas_width, canvas_height, name);
  if (left + width > canvas_width || top + height > canvas_height) {
    throw_broken(name, kFormat, "a frame larger than the picture");
  }
  Image image = make_image(static_cast<int>(canvas_width), static_cast<int>(canvas_height));
  std::uint8_t* const out = image.row(static_cast<int>(top)) + 3 * left;
  const std::size_t room = image.rgb.size() - static_cast<std::size_t>(out - image.rgb.data());
  if (WebPDecodeRGBInto(data, bitstream.size(), out, room, 3 * image.width) == nullptr) {
    throw_broken(name, kFormat, "its data are damaged or end early");
  }
  return image;
}

}  // namespace gaze
