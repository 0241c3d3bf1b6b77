#include "media/encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <jpeglib.h>

#include "base/check.h"
#include "base/error.h"
#include "base/message.h"
#include "media/canvas.h"

namespace gaze {
namespace {

// libjpeg's way out of an error is a jump; what lies between has no destructors.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf escape;
  char text[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->text);
  std::longjmp(manager->escape, 1);
}

}  // namespace

Bytes encode_jpeg(const Image& image, int quality) {
  GAZE_CHECK(image.width > 0 && image.height > 0 && quality >= 1 && quality <= 100);
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    throw Error(ErrorCode::image_too_large, message("{}×{} is too large for a JPEG", image.width, image.height));
  }
  ErrorManager errors{};
  jpeg_compress_struct info{};
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = on_error;
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  if (setjmp(errors.escape) != 0) {  // only memory can run out here
    jpeg_destroy_compress(&info);
    throw Error(ErrorCode::out_of_memory, message("the picture cannot be encoded: {}", errors.text));
  }
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(image.row(static_cast<int>(info.next_scanline)));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);

  const std::unique_ptr<unsigned char, decltype(&std::free)> owned(buffer, std::free);
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
  return {bytes, bytes + size};
}

Bytes encode_png(const Image& image) {
  GAZE_CHECK(image.width > 0 && image.height > 0);
  if (image.width > Canvas::kLargestSide || image.height > Canvas::kLargestSide) {
    throw Error(ErrorCode::image_too_large, message("{}×{} is too large: a side has at most {} pixels", image.width,
                                                    image.height, Canvas::kLargestSide));
  }
  Canvas canvas(image.width, image.height);
  canvas.picture(image, 0, 0);
  return canvas.png();
}

}  // namespace gaze
