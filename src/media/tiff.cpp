#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <tiffio.h>

#include "base/limits.h"
#include "media/decoders.h"
#include "media/orientation.h"
#include "media/pixels.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "TIFF";

// What libtiff reads from, and the first fault it names.
struct Source {
  ByteSpan file;
  std::size_t at = 0;
  std::string fault;

  static tmsize_t read(thandle_t handle, void* out, tmsize_t count) {
    auto& source = *static_cast<Source*>(handle);
    const std::size_t left = source.at < source.file.size() ? source.file.size() - source.at : 0;
    const std::size_t given = std::min(static_cast<std::size_t>(std::max<tmsize_t>(count, 0)), left);
    if (given > 0) std::memcpy(out, source.file.data() + source.at, given);
    source.at += given;
    return static_cast<tmsize_t>(given);
  }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    auto& source = *static_cast<Source*>(handle);
    source.at = static_cast<std::size_t>(offset) + (whence == SEEK_CUR   ? source.at
                                                    : whence == SEEK_END ? source.file.size()
                                                                         : 0);
    return source.at;
  }
  static int on_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
    auto& source = *static_cast<Source*>(self);
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    if (source.fault.empty()) source.fault = text;
    return 1;
  }
  static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
};

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};
using Tiff = std::unique_ptr<TIFF, Close>;

Tiff open(Source& source) {
  const std::unique_ptr<TIFFOpenOptions, Close> options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), Source::on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), Source::on_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), 512 * MiB);
  return Tiff(TIFFClientOpenExt(
      "", "rm", &source, Source::read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, Source::seek,
      [](thandle_t) { return 0; }, [](thandle_t handle) -> toff_t { return static_cast<Source*>(handle)->file.size(); },
      nullptr, nullptr, options.get()));
}

struct Layout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISWHITE, format = SAMPLEFORMAT_UINT;
  std::uint16_t planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE, orientation = 1;
  bool premultiplied = false;  // the fourth sample is an alpha that the colours were multiplied by
  Palette palette = grey_palette();

  // Samples that a pixel is made of; any others are passed over.
  int channels() const {
    switch (photometric) {
      case PHOTOMETRIC_RGB:
        return premultiplied ? 4 : 3;
      case PHOTOMETRIC_SEPARATED:
        return 4;
      default:
        return 1;
    }
  }
};

Layout read_layout(TIFF* tiff, const std::string& name) {
  Layout layout;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.height);
  check_image_size(layout.width, layout.height, name);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.samples);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &layout.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &layout.compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &layout.orientation);
  std::uint16_t extra_count = 0;
  std::uint16_t* extra = nullptr;
  if (layout.photometric == PHOTOMETRIC_RGB && layout.samples >= 4 &&
      TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) && extra_count > 0) {
    layout.premultiplied = extra[0] == EXTRASAMPLE_ASSOCALPHA;
  }
  if (layout.photometric == PHOTOMETRIC_PALETTE) {
    std::uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (layout.bits > 8 || !TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue)) {
      throw_broken(name, kFormat, "no palette");
    }
    for (int i = 0; i < 1 << layout.bits; ++i) {
      layout.palette[i] = {static_cast<std::uint8_t>(red[i] >> 8), static_cast<std::uint8_t>(green[i] >> 8),
                           static_cast<std::uint8_t>(blue[i] >> 8)};
    }
  }
  return layout;
}

void check_supported(const Layout& layout, const std::string& name) {
  const auto one_of = [](int value, std::initializer_list<int> list) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  bool known = false;
  switch (layout.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      known = one_of(layout.bits, {1, 2, 4, 8, 16, 32}) && (layout.format != SAMPLEFORMAT_IEEEFP || layout.bits == 32);
      break;
    case PHOTOMETRIC_PALETTE:
      known = one_of(layout.bits, {1, 2, 4, 8});
      break;
    case PHOTOMETRIC_RGB:
    case PHOTOMETRIC_SEPARATED:
      known = one_of(layout.bits, {8, 16});
      break;
    default:
      break;
  }
  if (!known || layout.samples < layout.channels() || (layout.bits < 8 && layout.samples != 1)) {
    throw_broken(name, kFormat,
                 "photometric " + std::to_string(layout.photometric) + ", " + std::to_string(layout.samples) + " × " +
                     std::to_string(layout.bits) + " bits is not supported");
  }
}

template <class T>
T load(const std::uint8_t* in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

// PIL's modes of more than 8 bits clip when they become RGB.
std::uint8_t clip(double value) {
  return value > 0 ? static_cast<std::uint8_t>(std::min(value, 255.0)) : std::uint8_t{0};
}

std::uint8_t grey_sample(const Layout& layout, const std::uint8_t* row, std::size_t x) {
  const std::uint8_t* const in = row + x * layout.samples * layout.bits / 8;
  switch (layout.bits) {
    case 32:
      return layout.format == SAMPLEFORMAT_IEEEFP ? clip(load<float>(in)) : clip(load<std::int32_t>(in));
    case 16:
      return layout.format == SAMPLEFORMAT_INT ? clip(load<std::int16_t>(in)) : clip(load<std::uint16_t>(in));
    case 8:
      return layout.photometric == PHOTOMETRIC_MINISWHITE ? static_cast<std::uint8_t>(~*in) : *in;
    default: {
      const int top = (1 << layout.bits) - 1;
      const int value = *in >> (8 - layout.bits - x * layout.bits % 8) & top;
      return static_cast<std::uint8_t>((layout.photometric == PHOTOMETRIC_MINISWHITE ? top - value : value) * 255 /
                                       top);
    }
  }
}

// `count` pixels of samples side by side.
void convert_row(const Layout& layout, const std::uint8_t* in, std::uint8_t* rgb, std::size_t count) {
  const std::size_t bytes = layout.bits / 8;
  // Of 16 bits the upper 8: the second byte, as libtiff gives them in this machine's order.
  const auto upper = [&](std::size_t x, int sample) { return in[(x * layout.samples + sample + 1) * bytes - 1]; };
  for (std::size_t x = 0; x < count; ++x, rgb += 3) {
    switch (layout.photometric) {
      case PHOTOMETRIC_PALETTE: {
        const std::size_t bit = x * layout.samples * layout.bits;
        const int index = in[bit / 8] >> (8 - layout.bits - bit % 8) & ((1 << layout.bits) - 1);
        std::copy_n(layout.palette[index].data(), 3, rgb);
        break;
      }
      case PHOTOMETRIC_RGB: {
        const int alpha = layout.premultiplied ? upper(x, 3) : 255;
        for (int c = 0; c < 3; ++c) {
          rgb[c] = alpha == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::min(255, upper(x, c) * 255 / alpha));
        }
        break;
      }
      case PHOTOMETRIC_SEPARATED: {
        const Rgb pixel = cmyk_to_rgb(upper(x, 0), upper(x, 1), upper(x, 2), upper(x, 3));
        std::copy_n(pixel.data(), 3, rgb);
        break;
      }
      default:
        rgb[0] = rgb[1] = rgb[2] = grey_sample(layout, in, x);
    }
  }
}

// Strips or tiles, planes together or apart.
class Blocks {
 public:
  Blocks(TIFF* tiff, Layout& layout, Source& source, const std::string& name)
      : tiff_(tiff), layout_(layout), source_(source), name_(name), tiled_(TIFFIsTiled(tiff) != 0) {
    width_ = layout.width;
    if (tiled_) {
      TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width_);
      TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height_);
    } else {
      TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height_);
      height_ = std::min(height_, layout.height);
    }
    check_image_size(width_, height_, name);
    const tmsize_t bytes = tiled_ ? TIFFTileSize(tiff) : TIFFStripSize(tiff);
    apart_ = layout.planar == PLANARCONFIG_SEPARATE && layout.samples > 1;
    row_bytes_ = (std::size_t{width_} * layout.bits * (apart_ ? 1 : layout.samples) + 7) / 8;
    if (bytes <= 0 || static_cast<std::size_t>(bytes) < row_bytes_ * height_) throw_broken(name, kFormat, "odd blocks");
    buffer_.resize(static_cast<std::size_t>(bytes));
    if (apart_) together_.resize(row_bytes_ * layout.channels() * height_);
  }

  void read_into(Image& image) {
    if (apart_) layout_.samples = static_cast<std::uint16_t>(layout_.channels());
    for (std::uint32_t top = 0; top < layout_.height; top += height_) {
      for (std::uint32_t left = 0; left < layout_.width; left += width_) {
        const std::uint8_t* const block = read(left, top);
        const std::size_t stride = apart_ ? row_bytes_ * layout_.channels() : row_bytes_;
        const std::uint32_t columns = std::min(width_, layout_.width - left);
        for (std::uint32_t y = 0; y < std::min(height_, layout_.height - top); ++y) {
          convert_row(layout_, block + stride * y, image.row(static_cast<int>(top + y)) + std::size_t{3} * left,
                      columns);
        }
      }
    }
  }

 private:
  const std::uint8_t* read(std::uint32_t left, std::uint32_t top) {
    if (!apart_) {
      read_plane(left, top, 0);
      return buffer_.data();
    }
    const std::size_t bytes = layout_.bits / 8, channels = layout_.channels();
    for (std::size_t c = 0; c < channels; ++c) {
      read_plane(left, top, static_cast<std::uint16_t>(c));
      for (std::size_t i = 0; i < std::size_t{width_} * height_; ++i) {
        std::memcpy(&together_[(i * channels + c) * bytes], &buffer_[i * bytes], bytes);
      }
    }
    return together_.data();
  }

  void read_plane(std::uint32_t left, std::uint32_t top, std::uint16_t plane) {
    const auto size = static_cast<tmsize_t>(buffer_.size());
    const tmsize_t got =
        tiled_ ? TIFFReadEncodedTile(tiff_, TIFFComputeTile(tiff_, left, top, 0, plane), buffer_.data(), size)
               : TIFFReadEncodedStrip(tiff_, TIFFComputeStrip(tiff_, top, plane), buffer_.data(), size);
    if (got < 0) throw_broken(name_, kFormat, source_.fault);
  }

  TIFF* tiff_;
  Layout& layout_;
  Source& source_;
  const std::string& name_;
  bool tiled_, apart_ = false;
  std::uint32_t width_ = 0, height_ = 0;  // of a block
  std::size_t row_bytes_ = 0;
  std::vector<std::uint8_t> buffer_, together_;
};

// Brightness and colour difference with its subsampling: libtiff knows.
void read_ycbcr(TIFF* tiff, Source& source, const std::string& name, Image& image) {
  std::vector<std::uint32_t> abgr(static_cast<std::size_t>(image.width) * image.height);
  if (!TIFFReadRGBAImageOriented(tiff, static_cast<std::uint32_t>(image.width),
                                 static_cast<std::uint32_t>(image.height), abgr.data(), ORIENTATION_TOPLEFT, 1)) {
    throw_broken(name, kFormat, source.fault);
  }
  for (std::size_t i = 0; i < abgr.size(); ++i) {
    for (int c = 0; c < 3; ++c) image.rgb[3 * i + c] = static_cast<std::uint8_t>(abgr[i] >> (8 * c));
  }
}

}  // namespace

Image decode_tiff(ByteSpan file, const std::string& name) {
  Source source{file, 0, {}};
  const Tiff tiff = open(source);
  if (!tiff) throw_broken(name, kFormat, source.fault);
  Layout layout = read_layout(tiff.get(), name);
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);  // turned below, not by libtiff
  const bool jpeg = layout.compression == COMPRESSION_JPEG && layout.planar == PLANARCONFIG_CONTIG;
  if (layout.photometric == PHOTOMETRIC_YCBCR && jpeg) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.photometric = PHOTOMETRIC_RGB;
  }
  Image image;
  if (layout.photometric == PHOTOMETRIC_YCBCR) {
    image = make_image(static_cast<int>(layout.width), static_cast<int>(layout.height));
    read_ycbcr(tiff.get(), source, name, image);
  } else {
    check_supported(layout, name);
    Blocks blocks(tiff.get(), layout, source, name);
    image = make_image(static_cast<int>(layout.width), static_cast<int>(layout.height));
    blocks.read_into(image);
  }
  return upright(std::move(image), layout.orientation);
}

}  // namespace gaze
