// PIL has no HEIF reader to compare with: pictures that libheif writes are read back.
#include <cmath>
#include <memory>

#include <gtest/gtest.h>
#include <libheif/heif.h>

#include "base/error.h"
#include "media/decoders.h"

namespace gaze {
namespace {

Image waves(int width, int height) {
  Image image = make_image(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c)
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(128 + 90 * std::sin(x * .05 * (c + 1) + y * .04));
    }
  }
  return image;
}

struct Free {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_encoder* encoder) const { heif_encoder_release(encoder); }
  void operator()(heif_image* image) const { heif_image_release(image); }
};

// Empty where this libheif has no such encoder.
Bytes encoded(const Image& image, heif_compression_format format) {
  const std::unique_ptr<heif_context, Free> context(heif_context_alloc());
  heif_encoder* encoder = nullptr;
  if (heif_context_get_encoder_for_format(context.get(), format, &encoder).code != heif_error_Ok) return {};
  const std::unique_ptr<heif_encoder, Free> encoder_owner(encoder);
  heif_encoder_set_lossy_quality(encoder, 90);
  heif_image* raw = nullptr;
  heif_image_create(image.width, image.height, heif_colorspace_RGB, heif_chroma_interleaved_RGB, &raw);
  const std::unique_ptr<heif_image, Free> raw_owner(raw);
  heif_image_add_plane(raw, heif_channel_interleaved, image.width, image.height, 8);
  int stride = 0;
  std::uint8_t* const plane = heif_image_get_plane(raw, heif_channel_interleaved, &stride);
  for (int y = 0; y < image.height; ++y) std::copy_n(image.row(y), 3 * image.width, plane + std::ptrdiff_t{stride} * y);
  if (heif_context_encode_image(context.get(), raw, encoder, nullptr, nullptr).code != heif_error_Ok) return {};
  Bytes bytes;
  heif_writer writer{1, [](heif_context*, const void* data, std::size_t size, void* out) {
                       const auto* const begin = static_cast<const std::byte*>(data);
                       static_cast<Bytes*>(out)->assign(begin, begin + size);
                       return heif_error{heif_error_Ok, heif_suberror_Unspecified, ""};
                     }};
  heif_context_write(context.get(), &writer, &bytes);
  return bytes;
}

class Heif : public ::testing::TestWithParam<heif_compression_format> {};

TEST_P(Heif, ReadsBackWhatWasWritten) {
  for (const auto& [width, height] : {std::pair{160, 120}, {97, 65}}) {
    const Image image = waves(width, height);
    const Bytes bytes = encoded(image, GetParam());
    if (bytes.empty()) GTEST_SKIP() << "this libheif cannot write the format";
    const Image read = decode_image(bytes, "picture");
    ASSERT_EQ(read.width, width);
    ASSERT_EQ(read.height, height);
    double difference = 0;
    for (std::size_t i = 0; i < read.rgb.size(); ++i) difference += std::abs(read.rgb[i] - image.rgb[i]);
    EXPECT_LT(difference / static_cast<double>(read.rgb.size()), 6);
  }
}

TEST_P(Heif, RefusesCutFiles) {
  const Bytes bytes = encoded(waves(64, 64), GetParam());
  if (bytes.empty()) GTEST_SKIP() << "this libheif cannot write the format";
  for (std::size_t i = 0; i < 20; ++i) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() * i / 20));
    EXPECT_THROW(decode_image(cut, "picture"), Error) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Heif, ::testing::Values(heif_compression_HEVC, heif_compression_AV1));

}  // namespace
}  // namespace gaze
