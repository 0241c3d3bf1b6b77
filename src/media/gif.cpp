#include <algorithm>
#include <cstring>
#include <vector>

#include <gif_lib.h>

#include "media/decoders.h"
#include "media/pixels.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "GIF";

struct Source {
  ByteSpan file;
  std::size_t at = 0;

  static int read(GifFileType* gif, GifByteType* out, int count) {
    auto& source = *static_cast<Source*>(gif->UserData);
    const std::size_t given = std::min(static_cast<std::size_t>(count), source.file.size() - source.at);
    std::memcpy(out, source.file.data() + source.at, given);
    source.at += given;
    return static_cast<int>(given);
  }
};

struct Closer {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

[[noreturn]] void fail(int code, const std::string& name) {
  if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON) throw_truncated(name, kFormat);
  const char* const text = GifErrorString(code);
  throw_broken(name, kFormat, text != nullptr ? text : "unknown fault");
}

// Reads on to the first picture's header; returns the transparent colour said on the way, or -1.
int find_first_picture(GifFileType* gif, const std::string& name) {
  constexpr int kGraphicsControl = 0xF9;
  int transparent = -1;
  for (;;) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif, &record) == GIF_ERROR) {
      if (gif->Error == D_GIF_ERR_WRONG_RECORD) continue;  // a stray byte, passed over as PIL does
      fail(gif->Error, name);
    }
    if (record == TERMINATE_RECORD_TYPE) throw_broken(name, kFormat, "no picture in it");
    if (record == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageHeader(gif) == GIF_ERROR) fail(gif->Error, name);
      return transparent;
    }
    int kind = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &kind, &block) == GIF_ERROR) fail(gif->Error, name);
    if (kind == kGraphicsControl && block != nullptr && block[0] >= 4) transparent = block[1] & 1 ? block[4] : -1;
    while (block != nullptr) {
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) fail(gif->Error, name);
    }
  }
}

}  // namespace

// The first frame. What it leaves uncovered has the transparent colour if there is one, else colour 0, as in PIL.
Image decode_gif(ByteSpan file, const std::string& name) {
  Source source{file};
  int code = 0;
  const std::unique_ptr<GifFileType, Closer> gif(DGifOpen(&source, Source::read, &code));
  if (!gif) fail(code, name);
  const int transparent = find_first_picture(gif.get(), name);

  const GifImageDesc& frame = gif->Image;
  const std::int64_t width = std::max<std::int64_t>(gif->SWidth, std::int64_t{frame.Left} + frame.Width);
  const std::int64_t height = std::max<std::int64_t>(gif->SHeight, std::int64_t{frame.Top} + frame.Height);
  check_image_size(width, height, name);
  if (frame.Left < 0 || frame.Top < 0 || frame.Width <= 0 || frame.Height <= 0) {
    throw_broken(name, kFormat, "a frame without pixels");
  }
  // LZW's longest string is 4,096 pixels in 12 bits.
  if (std::int64_t{frame.Width} * frame.Height / 4096 > static_cast<std::int64_t>(file.size())) {
    throw_truncated(name, kFormat);
  }

  Palette palette = grey_palette();
  if (const ColorMapObject* const map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap) {
    for (int i = 0; i < std::min(map->ColorCount, 256); ++i) {
      palette[i] = {map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue};
    }
  }
  Image image = make_image(static_cast<int>(width), static_cast<int>(height));
  if (frame.Width < width || frame.Height < height) {
    const Rgb& ground = palette[std::max(transparent, 0)];
    for (std::size_t i = 0; i < image.rgb.size(); i += 3) std::copy_n(ground.data(), 3, &image.rgb[i]);
  }

  std::vector<GifPixelType> line(static_cast<std::size_t>(frame.Width));
  struct Pass {
    int first, step;
  };
  static constexpr Pass kInterlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}}, kPlain[] = {{0, 1}};
  for (const auto [first, step] :
       frame.Interlace ? std::span<const Pass>(kInterlaced) : std::span<const Pass>(kPlain)) {
    for (int y = first; y < frame.Height; y += step) {
      if (DGifGetLine(gif.get(), line.data(), frame.Width) == GIF_ERROR) fail(gif->Error, name);
      std::uint8_t* const out = image.row(frame.Top + y) + 3 * std::ptrdiff_t{frame.Left};
      for (int x = 0; x < frame.Width; ++x) std::copy_n(palette[line[x]].data(), 3, out + 3 * x);
    }
  }
  return image;
}

}  // namespace gaze
