// HEIC (H.265) and AVIF (AV1) through libheif. PIL has no reader for them, so upright and 8-bit RGB is ours to choose.
#include <cstring>
#include <memory>

#include <libheif/heif.h>

#include "base/limits.h"
#include "media/decoders.h"

namespace gaze {
namespace {

constexpr char kFormat[] = "HEIC/AVIF";

struct Free {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
};

void check(const heif_error& error, const std::string& name) {
  if (error.code != heif_error_Ok) throw_broken(name, kFormat, error.message);
}

}  // namespace

Image decode_heif(ByteSpan file, const std::string& name) {
  const std::unique_ptr<heif_context, Free> context(heif_context_alloc());
  if (!context) throw std::bad_alloc();
  heif_context_set_max_decoding_threads(context.get(), 0);  // pictures run in parallel, not their parts
  heif_context_set_maximum_image_size_limit(context.get(), static_cast<int>(limits().image_side));
  check(heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr), name);

  heif_image_handle* found = nullptr;
  check(heif_context_get_primary_image_handle(context.get(), &found), name);
  const std::unique_ptr<heif_image_handle, Free> handle(found);
  check_image_size(heif_image_handle_get_width(handle.get()), heif_image_handle_get_height(handle.get()), name);

  heif_image* decoded = nullptr;
  check(heif_decode_image(handle.get(), &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB, nullptr), name);
  const std::unique_ptr<heif_image, Free> pixels(decoded);
  const int width = heif_image_get_width(pixels.get(), heif_channel_interleaved);
  const int height = heif_image_get_height(pixels.get(), heif_channel_interleaved);
  check_image_size(width, height, name);
  int stride = 0;
  const std::uint8_t* const plane = heif_image_get_plane_readonly(pixels.get(), heif_channel_interleaved, &stride);
  if (plane == nullptr) throw_broken(name, kFormat, "no pixels in it");
  Image image = make_image(width, height);
  for (int y = 0; y < height; ++y) {
    std::memcpy(image.row(y), plane + static_cast<std::ptrdiff_t>(stride) * y, static_cast<std::size_t>(width) * 3);
  }
  return image;
}

}  // namespace gaze
