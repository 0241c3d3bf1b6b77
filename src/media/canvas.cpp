#include "media/canvas.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include <pango/pangocairo.h>

#include "base/check.h"
#include "media/resize.h"

namespace gaze {
namespace {

struct Unref {
  void operator()(PangoLayout* layout) const { g_object_unref(layout); }
  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
using Layout = std::unique_ptr<PangoLayout, Unref>;
using Surface = std::unique_ptr<cairo_surface_t, Unref>;

Surface make_surface(int width, int height) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
  return surface;
}

}  // namespace

struct Canvas::State {
  Surface surface;
  std::unique_ptr<cairo_t, Unref> cairo;

  Layout layout(const std::string& text, int width, const TextStyle& style) const {
    Layout made(pango_cairo_create_layout(cairo.get()));
    // Han characters have national forms; without a hint the fonts' order decides.
    pango_context_set_language(pango_layout_get_context(made.get()), pango_language_from_string("zh-cn"));
    const std::unique_ptr<PangoFontDescription, Unref> font(pango_font_description_from_string("sans-serif"));
    pango_font_description_set_absolute_size(font.get(), style.size * PANGO_SCALE);
    pango_font_description_set_weight(font.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(made.get(), font.get());
    pango_layout_set_single_paragraph_mode(made.get(), TRUE);
    pango_layout_set_width(made.get(), width * PANGO_SCALE);
    pango_layout_set_height(made.get(), -style.lines);
    pango_layout_set_wrap(made.get(), PANGO_WRAP_WORD_CHAR);
    pango_layout_set_ellipsize(made.get(), style.middle ? PANGO_ELLIPSIZE_MIDDLE : PANGO_ELLIPSIZE_END);
    pango_layout_set_alignment(made.get(), style.centred ? PANGO_ALIGN_CENTER : PANGO_ALIGN_LEFT);
    const std::string valid = to_valid_utf8(text);
    pango_layout_set_text(made.get(), valid.data(), static_cast<int>(valid.size()));
    return made;
  }
};

Canvas::Canvas(int width, int height) : state_(std::make_unique<State>()) {
  GAZE_CHECK(width > 0 && width <= kLargestSide && height > 0 && height <= kLargestSide);
  state_->surface = make_surface(width, height);
  state_->cairo.reset(cairo_create(state_->surface.get()));
  rectangle(0, 0, width, height, {1, 1, 1});
}

Canvas::~Canvas() = default;

void Canvas::rectangle(int x, int y, int width, int height, const Colour& colour) {
  cairo_set_source_rgb(state_->cairo.get(), colour.red, colour.green, colour.blue);
  cairo_rectangle(state_->cairo.get(), x, y, width, height);
  cairo_fill(state_->cairo.get());
}

void Canvas::picture(const Image& image, int x, int y) {
  const Surface surface = make_surface(image.width, image.height);
  cairo_surface_flush(surface.get());
  unsigned char* const pixels = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (int row = 0; row < image.height; ++row) {
    const std::uint8_t* in = image.row(row);
    for (int column = 0; column < image.width; ++column, in += 3) {
      const std::uint32_t pixel = std::uint32_t{in[0]} << 16 | std::uint32_t{in[1]} << 8 | in[2];
      std::memcpy(pixels + static_cast<std::ptrdiff_t>(stride) * row + 4 * column, &pixel, 4);
    }
  }
  cairo_surface_mark_dirty(surface.get());
  cairo_set_source_surface(state_->cairo.get(), surface.get(), x, y);
  cairo_paint(state_->cairo.get());
}

void Canvas::text(const std::string& text, int x, int y, int width, const TextStyle& style) {
  const Layout layout = state_->layout(text, width, style);
  cairo_set_source_rgb(state_->cairo.get(), style.colour.red, style.colour.green, style.colour.blue);
  cairo_move_to(state_->cairo.get(), x, y);
  pango_cairo_show_layout(state_->cairo.get(), layout.get());
}

int Canvas::text_height(const std::string& text, int width, const TextStyle& style) {
  int height = 0;
  pango_layout_get_pixel_size(state_->layout(text, width, style).get(), nullptr, &height);
  return height;
}

Bytes Canvas::png() const {
  Bytes bytes;
  const auto append = [](void* closure, const unsigned char* data, unsigned int size) {
    auto& out = *static_cast<Bytes*>(closure);
    const auto* const begin = reinterpret_cast<const std::byte*>(data);
    try {
      out.insert(out.end(), begin, begin + size);
    } catch (const std::bad_alloc&) {
      return CAIRO_STATUS_NO_MEMORY;
    }
    return CAIRO_STATUS_SUCCESS;
  };
  if (cairo_surface_write_to_png_stream(state_->surface.get(), append, &bytes) != CAIRO_STATUS_SUCCESS) {
    throw std::bad_alloc();
  }
  return bytes;
}

Image fitted(const Image& image, int width, int height) {
  const double scale = std::min(static_cast<double>(width) / image.width, static_cast<double>(height) / image.height);
  const auto side = [scale](int length, int most) {
    return std::clamp(static_cast<int>(std::lround(length * scale)), 1, most);
  };
  return resize(image, side(image.width, width), side(image.height, height), Resample::bicubic);
}

}  // namespace gaze
