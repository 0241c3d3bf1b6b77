#include "media/format.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gaze {

ImageFormat image_format(std::span<const std::byte> file) {
  using namespace std::string_view_literals;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<std::size_t>(file.size(), 256));
  if (text.starts_with("\xFF\xD8\xFF"sv)) return ImageFormat::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1A\n"sv)) return ImageFormat::png;
  if (text.starts_with("GIF87a"sv) || text.starts_with("GIF89a"sv)) return ImageFormat::gif;
  if (text.starts_with("RIFF"sv) && text.size() >= 12 && text.substr(8, 4) == "WEBP"sv) return ImageFormat::webp;
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv)) return ImageFormat::tiff;
  if (text.starts_with("II+\0"sv) || text.starts_with("MM\0+"sv)) return ImageFormat::tiff;  // BigTIFF
  if (text.starts_with("BM"sv)) return ImageFormat::bmp;

  // ISO base media: the major brand or one of the compatible brands says what the pictures inside are coded with.
  if (text.size() < 16 || text.substr(4, 4) != "ftyp"sv) return ImageFormat::unknown;
  const auto box = static_cast<unsigned char>(text[3]) + 256u * static_cast<unsigned char>(text[2]);
  const std::size_t end = std::min<std::size_t>(box, text.size());
  constexpr std::array avif = {"avif"sv, "avis"sv};
  constexpr std::array heif = {"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv, "mif1"sv, "msf1"sv};
  const auto any_brand = [&](const auto& brands) {
    for (std::size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {
      if (std::find(brands.begin(), brands.end(), text.substr(at, 4)) != brands.end()) return true;
    }
    return false;
  };
  if (any_brand(avif)) return ImageFormat::avif;
  if (any_brand(heif)) return ImageFormat::heif;
  return ImageFormat::unknown;
}

}  // namespace gaze
