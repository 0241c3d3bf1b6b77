// Which picture format a file is in, by its first bytes; its name says nothing.
#pragma once

#include <cstddef>
#include <span>

namespace gaze {

enum class ImageFormat { unknown, jpeg, png, webp, gif, bmp, tiff, heif, avif };

ImageFormat image_format(std::span<const std::byte> file);

}  // namespace gaze
